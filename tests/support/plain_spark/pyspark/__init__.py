"""What `data_prep/spark.py` asks of Spark, done in this process; `spark_stub` puts it in place."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any


class SparkConf:
    def get(self, name: str, default: str) -> str:
        return default


class StorageLevel:
    DISK_ONLY = "DISK_ONLY"


class RDD:
    """A data set that is computed at once."""

    def __init__(self, context: "SparkContext", items: Iterable[Any]) -> None:
        self.context = context
        self._items = list(items)

    def map(self, function: Callable[[Any], Any]) -> "RDD":
        return RDD(self.context, map(function, self._items))

    def flatMap(self, function: Callable[[Any], Iterable[Any]]) -> "RDD":  # noqa: N802  # Spark's
        return RDD(self.context, (one for item in self._items for one in function(item)))

    def filter(self, function: Callable[[Any], bool]) -> "RDD":
        return RDD(self.context, filter(function, self._items))

    def zip(self, other: "RDD") -> "RDD":
        return RDD(self.context, zip(self._items, other._items, strict=True))

    def reduceByKey(self, function: Callable[[Any, Any], Any], _: int) -> "RDD":  # noqa: N802
        totals: dict[Any, Any] = {}
        for key, value in self._items:
            totals[key] = function(totals[key], value) if key in totals else value
        return RDD(self.context, totals.items())

    def persist(self, _: str) -> "RDD":
        return self

    def getNumPartitions(self) -> int:  # noqa: N802
        return len(self._items)

    def collect(self) -> list[Any]:
        return self._items


class SparkContext:
    defaultParallelism = 1  # noqa: N815

    @classmethod
    def getOrCreate(cls, _: SparkConf) -> "SparkContext":  # noqa: N802
        return cls()

    def setLogLevel(self, _: str) -> None:  # noqa: N802
        pass

    def parallelize(self, items: Sequence[Any], _: int) -> RDD:
        return RDD(self, items)

    def stop(self) -> None:
        pass
