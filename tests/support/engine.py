"""An engine that works in this process, but pickles as engines of many processes do."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from data_prep.cluster import Word


class Pickling:
    """An engine whose functions, items and results are pickled, as between processes."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        self.items += items
        return [pickled(pickled(function)(pickled(item))) for item in items]

    def keep(self, function: Callable[[Any], Any], items: Sequence[Any]) -> "Kept":
        return Kept(self, self.map(function, items))


class Kept:
    def __init__(self, engine: Pickling, results: list[Any]) -> None:
        self._engine = engine
        self._results = results

    def map(self, function: Callable[[Any], Any]) -> list[Any]:
        return [pickled(pickled(function)(result)) for result in self._results]

    def map_with(self, function: Callable[[Any, Any], Any], items: Sequence[Any]) -> list[Any]:
        self._engine.items += items
        pairs = zip(self._results, items, strict=True)
        return [pickled(pickled(function)(result, pickled(item))) for result, item in pairs]

    def add_up(
        self, words: Callable[[Any], Iterable[Word]], least: float, most: float
    ) -> list[Word]:
        in_texts, totals = Counter[str](), Counter[str]()
        for result in self._results:
            for word, (texts, total) in words(result):
                in_texts[word] += texts
                totals[word] += total
        found = [(word, (texts, totals[word])) for word, texts in in_texts.items()]
        return [each for each in reversed(found) if least <= each[1][0] <= most]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))
