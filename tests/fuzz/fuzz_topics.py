"""Feed damaged models, answers and documents to what takes them: only its own error may come out.

Run by `make fuzz`, as `fuzz_data_prep` is.
"""

import gzip
import io
import json
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents import open_documents
from data_prep.errors import InputError
from local_aws.lda_image.answers import write_recordio
from local_aws.ministack import embedded_metrics
from stacks.serving.gate.handlers import check, during_update, golden
from topics.endpoint import answers, client
from topics.endpoint.batches import Stored
from topics.endpoint.deployed import Deployed, Environment, TransformError
from topics.endpoint.job_objects import JobObjects
from topics.endpoint.state import EndpointError
from topics.lda import mixtures
from topics.lda.blocks import Blocks
from topics.lda.spectral import fit
from topics.model import archive
from topics.model.archive import ArtifactError, Model, encode

from .fuzz_data_prep import damaged, fuzz, records

ANSWER = b'{"predictions": [{"topic_mixture": [0.25, 0.75]}, {"topic_mixture": [1, 0]}]}'
GOLDEN = {
    "feature_dim": 3,
    "documents": [{"keys": [0], "values": [1]}, {"keys": [2], "values": [1]}],
}
# What JSON has, and what Python's reader takes beside it.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def models() -> list[bytes]:
    rng = np.random.default_rng(0)
    sizes = ((1, 1), (2, 3), (4, 5))
    return [encode(Model(np.ones(k), rng.dirichlet(np.ones(v), k))) for k, v in sizes]


def archives() -> list[bytes]:
    """Unpacked archives: of one model, and of more members of all kinds."""
    made = []
    for layout in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
            for name, kind in (
                ("./", b"5"),
                ("link", b"2"),
                ("notes", b"0"),
                ("model_algo-1", b"0"),
            ):
                member = tarfile.TarInfo(name)
                member.type, member.mtime = kind, 1.5  # as `add` has it
                content = models()[1] if kind == b"0" else b""
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        made.append(buffer.getvalue())
    return made


def with_checksums(content: bytes) -> bytes:
    """`content` with a right checksum in whatever may be a header, or no change would get in."""
    blocks = bytearray(content)
    for at in range(0, len(blocks) - 511, 512):
        if blocks[at + 257 : at + 262] == b"ustar":
            blocks[at + 148 : at + 156] = b" " * 8
            blocks[at + 148 : at + 156] = b"%06o\0 " % sum(blocks[at : at + 512])
    return bytes(blocks)


MODELS, ARCHIVES = models(), archives()


@given(content=damaged(MODELS) | st.binary(max_size=80))
@fuzz
def test_model(content: bytes) -> None:
    with suppress(ArtifactError):
        model = archive.decode(content, "it")
        assert np.isfinite(model.beta).all()
        assert (model.beta >= 0).all()
        np.testing.assert_allclose(model.beta.sum(axis=1), 1)


@given(content=damaged(ARCHIVES), repaired=st.booleans(), data=st.data())
@fuzz
def test_archive(tmp_path: Path, content: bytes, repaired: bool, data: st.DataObject) -> None:
    packed = gzip.compress(with_checksums(content) if repaired else content, 1)
    (tmp_path / "model.tar.gz").write_bytes(data.draw(damaged([packed]) | st.just(packed)))
    with suppress(ArtifactError):
        archive.load(str(tmp_path / "model.tar.gz"))


class FakeAWS:
    """Answers all that the gate asks for."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(json.dumps(GOLDEN).encode())}

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        return {
            "EndpointStatus": "InService",
            "EndpointConfigName": "new",
            "PendingDeploymentSummary": {"EndpointConfigName": "new"},
        }

    def invoke_endpoint(self, **_: Any) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Body": io.BytesIO(self.answer)}


def shaped(value: Any) -> list[bytes]:
    """A value in each place of an answer."""
    good = [0.25, 0.75]
    return [
        json.dumps(answer).encode()
        for answer in (
            value,
            {"predictions": value},
            {"predictions": [value, {"topic_mixture": good}]},
            {"predictions": [{"topic_mixture": value}, {"topic_mixture": good}]},
            {"predictions": [{"topic_mixture": good}, {"topic_mixture": value}]},
            {"predictions": [{"topic_mixture": [value, 0.75]}, {"topic_mixture": good}]},
        )
    ]


METRIC = json.dumps(during_update._measure("it", "new", -30))
ANSWERS = damaged([ANSWER]) | st.binary(max_size=80) | VALUES.map(shaped).flatmap(st.sampled_from)
ERRORS = (st.text(max_size=20) | st.sampled_from(["\n", "\r", "\u2028", "x\n"])).map(
    lambda text: ClientError({"Error": {"Code": "ModelError", "Message": text + METRIC}}, "It")
)


@given(answer=ANSWERS | ERRORS)
@fuzz
def test_answer_at_the_gate(
    answer: bytes | Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boto3, "client", lambda *_, **__: FakeAWS(answer))
    monkeypatch.setenv("GOLDEN_BUCKET", "bucket")
    monkeypatch.setenv("GOLDEN_KEY", "key")
    monkeypatch.setattr(during_update, "ASKED", 1)
    good = False
    with suppress(golden.GateError):
        for mixture in golden.ask("it", GOLDEN, 2):
            assert len(mixture) == 2
            assert min(mixture) >= 0
            assert abs(sum(mixture) - 1) <= golden.SUM_TOLERANCE
        good = True
    capsys.readouterr()
    during_update.handler({"detail": {"EndpointName": "it"}}, None)
    tally = capsys.readouterr().out
    (failed,) = (metric.value for metric in embedded_metrics.found_in(tally))
    assert failed in (0, 1)
    assert not (good and failed)
    assert tally.isascii()
    properties = {
        "EndpointName": "it",
        "EndpointConfigName": "new",
        "GoldenBucket": "bucket",
        "GoldenKey": "key",
        "Topics": "2",
    }
    with suppress(golden.GateError):
        check.handler({"RequestType": "Create", "ResourceProperties": properties}, None)
        assert good


@given(content=ANSWERS)
@fuzz
def test_answer_at_the_client(content: bytes) -> None:
    with suppress(EndpointError):
        mixtures = client._parse_answer(content, 2)
        assert ((mixtures >= 0) & (mixtures <= 1 + answers.SUM_TOLERANCE)).all()


class FakeS3:
    """One output of a transform job."""

    def __init__(self, output: bytes) -> None:
        self.output = output

    def get_paginator(self, _: str) -> "FakeS3":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": "p/predictions/job/a.out"}]}]

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.output)}


OUTPUT = write_recordio(np.array([[0.25, 0.75], [1, 0]]))
DEPLOYED = Deployed(Environment("lda", "dev"), "model", "s3://b/p/models/0/m", "b", "p")


@given(output=damaged([OUTPUT]) | st.binary(max_size=80))
@fuzz
def test_output_of_a_transform_job(output: bytes) -> None:
    inputs = [Stored("a", np.array([True, True]))]
    with suppress(TransformError):
        found = list(JobObjects(FakeS3(output), DEPLOYED, "job").read(inputs))
        assert len(found) == 2
        for mixture in found:
            assert mixture is not None
            assert ((mixture >= 0) & (mixture <= 1 + answers.SUM_TOLERANCE)).all()


@given(content=damaged(records()) | st.binary(max_size=80))
@fuzz
def test_documents(tmp_path: Path, content: bytes) -> None:
    """RecordIO on the way of `topics fit` and `topics infer`."""
    (tmp_path / "documents").write_bytes(content)
    model = Model(np.ones(2), np.full((2, 200), 1 / 200))
    with suppress(InputError), open_documents(tmp_path / "documents") as documents:
        for counts in documents.blocks():
            assert np.isfinite(mixtures.infer(model, counts)).all()
    with suppress(InputError), open_documents(tmp_path / "documents") as documents:
        fit(Blocks(documents.blocks), 1, max_restarts=1, max_iterations=2)
