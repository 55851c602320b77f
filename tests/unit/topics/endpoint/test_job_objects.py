"""The outputs of a transform job, which are not trusted."""

import io
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from local_aws.lda_image.answers import write_recordio
from topics.endpoint.batches import Batch, Stored
from topics.endpoint.deployed import Deployed, Environment, TransformError
from topics.endpoint.job_objects import JobObjects

DEPLOYED = Deployed(Environment("lda", "dev"), "model", "s3://b/p/models/0/m", "b", "p")
GOOD = write_recordio(np.array([[0.5, 0.5], [0.25, 0.75]]))
ONE = write_recordio(np.array([[0.5, 0.5]]))


class FakeS3:
    """Objects by key."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.refused = ""

    def get_paginator(self, _: str) -> "FakeS3":
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[Any]:  # noqa: N803
        assert Bucket == "b"
        return [{"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}]

    def get_object(self, Key: str, **_: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Key: str, Body: bytes, **_: str) -> None:  # noqa: N803
        self.objects[Key] = Body

    def delete_objects(self, Delete: Any, **_: str) -> dict[str, Any]:  # noqa: N803
        if self.refused:
            error = {"Error": {"Code": self.refused, "Message": "no"}}
            raise ClientError(error, "DeleteObjects")  # type: ignore[arg-type]
        for named in Delete["Objects"]:
            del self.objects[named["Key"]]
        return {}


def stored(key: str, *filled: bool, whole: bool = False) -> Stored:
    return Stored(key, np.array(filled), whole)


def read(outputs: dict[str, bytes], *inputs: Stored) -> list[list[float] | None]:
    objects = {f"p/predictions/job/{name}": body for name, body in outputs.items()}
    mixtures = JobObjects(FakeS3(objects), DEPLOYED, "job").read(inputs)
    return [None if mixture is None else mixture.tolist() for mixture in mixtures]


def test_mixtures_come_in_the_order_of_the_input_with_none_for_documents_without_words() -> None:
    found = read(
        {"a.out": ONE, "folder/b.out": GOOD},
        stored("x/b", False, True, True),
        stored("x/a", True),
        stored("", False),
    )
    assert found == [None, [0.5, 0.5], [0.25, 0.75], [0.5, 0.5], None]


def test_what_is_answered_for_a_document_without_words_is_not_shown() -> None:
    """As of an object that was in S3 before, which has a record for it."""
    assert read({"a.out": GOOD}, stored("a", False, True, whole=True)) == [None, [0.25, 0.75]]


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (ONE, "there are 1 predictions for 2 documents"),
        (GOOD + ONE, "there are more than 2 predictions for 2 documents"),
        (b"", "there are 0 predictions for 2 documents"),
        (GOOD[:-1], "ends inside a record"),
        (b"{}" + GOOD, "magic is 0x"),
        (ONE + write_recordio(np.array([[1.0]])), "a mixture of 1 topics, after mixtures of 2"),
        (ONE + write_recordio(np.array([[0.5, 0.6]])), "record 2 has shares that are no mixture"),
        (ONE + write_recordio(np.array([[1.5, -0.5]])), "record 2 has shares that are no mixture"),
        (ONE + write_recordio(np.array([[np.inf, 0]])), "a value is not a finite float32"),
        (ONE + write_recordio(np.empty((1, 0))), "record 2 has no topics"),
    ],
    ids=["few", "many", "empty", "cut", "json", "topics", "sum", "negative", "infinite", "none"],
)
def test_an_output_that_is_not_the_predictions_of_its_input_is_refused_by_its_address(
    output: bytes, problem: str
) -> None:
    with pytest.raises(TransformError, match=problem) as caught:
        read({"a.out": output}, stored("x/a", True, True))
    assert str(caught.value).startswith("s3://b/p/predictions/job/a.out: ")


def test_two_outputs_of_other_topics_are_refused() -> None:
    three = write_recordio(np.full((1, 3), 1 / 3))
    with pytest.raises(TransformError, match=r"b\.out: a mixture of 3 topics, after mixtures of 2"):
        read({"a.out": ONE, "b.out": three}, stored("a", True), stored("b", True))


def test_an_output_that_is_missing_is_told() -> None:
    with pytest.raises(
        TransformError, match=r"^s3://b/p/predictions/job/: there is no output a\.out$"
    ):
        read({"b.out": ONE}, stored("a", True))


def test_only_the_jobs_own_objects_are_removed() -> None:
    others = {"p/batches/job2/x": b"", "p/predictions/job2/x.out": b"", "p/data/x": b""}
    s3 = FakeS3(dict(others))
    objects = JobObjects(s3, DEPLOYED, "job")
    assert objects.places() == []
    list(objects.upload([Batch(np.array([True]), b"1"), Batch(np.array([False]), b"")]))
    s3.objects["p/predictions/job/part-00000.recordio.out"] = ONE
    assert objects.places() == ["s3://b/p/batches/job/", "s3://b/p/predictions/job/"]
    objects.remove()
    assert s3.objects == others
    s3.objects["p/predictions/job/new"] = b""
    s3.refused = "AccessDenied"
    with pytest.raises(TransformError, match="AccessDenied: no"):
        objects.remove()
