"""The local LDA image: the container contract of training and serving."""

import contextlib
import http.client
import io
import json
import logging
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from data_prep.recordio import encode
from data_prep.recordio.varints import encode_varint
from local_aws.lda_image import serve, word_counts
from local_aws.lda_image.__main__ import main
from local_aws.lda_image.answers import write_recordio
from local_aws.lda_image.configuration import Hyperparameters
from topics.lda.mixtures import infer
from topics.model import archive
from topics.model.archive import Model

ROOT = Path(__file__).parents[4]
RECORDIO = "application/x-recordio-protobuf"
CSV = "text/csv;label_size=0"


def draw(documents: int = 300, seed: int = 0) -> tuple[sparse.csr_array, Model]:
    """Documents of 3 topics and 40 words, and the model they are drawn from."""
    rng = np.random.default_rng(0)
    model = Model(np.full(3, 1 / 3), rng.dirichlet(np.full(40, 0.1), 3))
    rng = np.random.default_rng(seed)
    mixtures = rng.dirichlet(model.alpha, documents)
    counts = rng.multinomial(80, mixtures @ model.beta).astype(np.float32)
    return sparse.csr_array(counts), model


def csv(counts: sparse.csr_array) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in counts.toarray().tolist()).encode()


def recordio(counts: sparse.csr_array) -> bytes:
    return b"".join(encode(counts))


def dense_recordio(counts: sparse.csr_array) -> bytes:
    """Records without keys: `features { "values": { float32_tensor { values } } }`."""

    def field(tag: bytes, content: bytes) -> bytes:
        return tag + encode_varint(len(content)) + content

    frames = []
    for row in counts.toarray().astype("<f4"):
        value = field(b"\x12", field(b"\x0a", row.tobytes()))
        record = field(b"\x0a", field(b"\x0a", b"values") + field(b"\x12", value))
        padding = bytes(-len(record) % 4)
        frames.append(struct.pack("<II", 0xCED7230A, len(record)) + record + padding)
    return b"".join(frames)


def prepare(
    root: Path,
    hyperparameters: dict[str, Any] | None = None,
    channels: dict[str, Any] | None = None,
    files: dict[str, bytes] | None = None,
) -> Path:
    """Lay out a training container's folder; by default a request that works."""
    given = {"num_topics": "3", "feature_dim": "40", "mini_batch_size": "300"}
    configuration = {
        "hyperparameters": given if hyperparameters is None else hyperparameters,
        "inputdataconfig": channels or {"train": {"ContentType": RECORDIO}},
    }
    (root / "input/config").mkdir(parents=True)
    for name, content in configuration.items():
        (root / f"input/config/{name}.json").write_text(json.dumps(content))
    for name, data in (files or {"train/part": recordio(draw()[0])}).items():
        path = root / "input/data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (root / "model").mkdir()
    return root


def train(root: Path) -> int:
    return main(["train", "--ml-root", str(root)])


def trained(root: Path) -> Model:
    file = root / "model/model_algo-1"
    return archive.decode(file.read_bytes(), str(file))


def failure(root: Path) -> str:
    assert not list((root / "model").iterdir())
    return (root / "output/failure").read_text(encoding="utf-8")


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local_aws.lda_image", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env={}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


# --- train


def test_a_training_job_writes_a_model_and_its_metric(tmp_path: Path) -> None:
    """As a process of its own, in an empty environment."""
    files = {"train/a": recordio(draw()[0]), "test/a": recordio(draw(50, seed=1)[0])}
    channels = {"train": {"ContentType": RECORDIO}, "test": {"ContentType": RECORDIO}}
    prepare(tmp_path, channels=channels, files=files)
    with start("train", "--ml-root", str(tmp_path)) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    (metric,) = (line for line in output.splitlines() if "#quality_metric" in line)
    _, _, value = metric.partition("#quality_metric: host=algo-1, test pwll <loss>=")
    assert -3.0 < float(value) < -1.0
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["model_algo-1"]
    assert trained(tmp_path).beta.shape == (3, 40)
    assert not (tmp_path / "output/failure").exists()


def test_more_topics_than_the_data_shows_are_trained_logged_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert train(prepare(tmp_path, GOOD | {"num_topics": "39"})) == 0
    assert trained(tmp_path).beta.shape == (39, 40)
    assert "the data shows 3 topics clearly, 39 were asked for" in caplog.text
    assert "#quality_metric: host=algo-1, train clear_topics <loss>=3" in caplog.text


def test_without_a_test_channel_there_is_no_metric(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(prepare(tmp_path)) == 0
    assert "#quality_metric" not in caplog.text


def test_all_files_of_a_channel_are_read_in_both_formats(tmp_path: Path) -> None:
    """One file, several files below folders, dense records, and CSV give the same model."""
    counts, _ = draw()
    layouts = {
        "one": (RECORDIO, {"train/all": recordio(counts)}),
        "more": (
            RECORDIO,
            {"train/a": recordio(counts[:100]), "train/b/c": recordio(counts[100:])},
        ),
        "dense": (RECORDIO, {"train/all": dense_recordio(counts)}),
        "csv": (CSV, {"train/a.csv": csv(counts[:7]), "train/b.csv": csv(counts[7:])}),
    }
    models = []
    for name, (content_type, files) in layouts.items():
        root = prepare(
            tmp_path / name, channels={"train": {"ContentType": content_type}}, files=files
        )
        assert train(root) == 0
        models.append((root / "model/model_algo-1").read_bytes())
    assert models == [models[0]] * len(layouts)


def test_files_of_csv_are_read_in_pieces_of_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_counts, "_READ_BYTES", 100)
    counts, _ = draw(50)
    content = csv(counts).replace(b".0", b"") + b"\n" * 300
    parts = list(word_counts.read(io.BytesIO(content), "text/csv", 40))
    assert len(parts) == 25
    assert np.array_equal(sparse.vstack(parts).toarray(), counts.toarray())


def test_recordio_is_the_format_of_a_channel_that_names_none(tmp_path: Path) -> None:
    assert train(prepare(tmp_path, channels={"train": {"TrainingInputMode": "File"}})) == 0


def test_hyperparameters_reach_the_fit(tmp_path: Path) -> None:
    given = {"num_topics": "2", "feature_dim": "40", "mini_batch_size": "1", "alpha0": "0.5"}
    given |= {"max_restarts": "3", "max_iterations": "50", "tol": "1e-4"}
    assert train(prepare(tmp_path, given)) == 0
    model = trained(tmp_path)
    assert model.alpha.shape == (2,)
    assert model.alpha.sum() == pytest.approx(0.5, rel=1e-6)


def test_the_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    prepare(tmp_path)
    found = Hyperparameters.load(tmp_path / "input/config/hyperparameters.json")
    assert (found.alpha0, found.max_restarts) == (1.0, 10)
    assert (found.max_iterations, found.tol) == (1000, 1e-8)


GOOD: dict[str, Any] = {"num_topics": "3", "feature_dim": "40", "mini_batch_size": "300"}


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        (GOOD | {"foo": "1"}, "Additional properties are not allowed ('foo' was unexpected)"),
        (
            GOOD | {"foo": "1", "bar": "1"},
            "Additional properties are not allowed ('bar', 'foo' were unexpected)",
        ),
        ({"num_topics": "3", "feature_dim": "40"}, "'mini_batch_size' is a required property"),
        ({}, "'num_topics' is a required property"),
        *(
            (GOOD | {"num_topics": bad}, f"{bad!r} is not valid for 'num_topics': must be a whole")
            for bad in ("0", "-1", "151", "1.5", "", "ten", "9" * 5000, 3, None)
        ),
        *(
            (GOOD | {"alpha0": bad}, f"{bad!r} is not valid for 'alpha0': must be a positive")
            for bad in ("0", "-1", "nan", "inf", "1e999", "", "one", 0.5)
        ),
        (
            GOOD | {"feature_dim": "0"},
            "'0' is not valid for 'feature_dim': must be a whole number of 1 or more",
        ),
        (GOOD | {"tol": "0"}, "'0' is not valid for 'tol': must be a positive number"),
        (
            GOOD | {"feature_dim": "41"},
            "channel 'train', part: byte 0: a vocabulary of 40 words, must be 41",
        ),
    ],
)
def test_bad_hyperparameters_are_a_client_error(
    hyperparameters: dict[str, Any], message: str, tmp_path: Path
) -> None:
    assert train(prepare(tmp_path, hyperparameters)) == 2
    assert failure(tmp_path).startswith(f"ClientError: {message}")


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ({"test": {}}, "'train' is a required property"),
        ({"train": {}, "validation": {}}, "Additional properties are not allowed ('validation'"),
        ({"train": {"ContentType": "application/json"}}, "channel 'train' has the content type"),
        (
            {"train": {"ContentType": "text/csv"}},
            "channel 'train' is 'text/csv': LDA has no labels",
        ),
        ({"train": {"ContentType": "text/csv;label_size=1"}}, "channel 'train' is 'text/csv;label"),
        ({"train": {"TrainingInputMode": "Pipe"}}, "channel 'train' has the input mode 'Pipe'"),
        ({"train": []}, "channel 'train' is [], must be an object"),
        ({"train": {}, "test": {}}, "channel 'test' has no files"),
    ],
)
def test_bad_channels_are_a_client_error(
    channels: dict[str, Any], message: str, tmp_path: Path
) -> None:
    assert train(prepare(tmp_path, channels=channels)) == 2
    assert failure(tmp_path).startswith(f"ClientError: {message}")


@pytest.mark.parametrize(
    ("content_type", "content", "message"),
    [
        (RECORDIO, b"junk that is no record", "channel 'train', x: byte 0: magic is"),
        (RECORDIO, b"", "channel 'train', x: there is no document"),
        (CSV, b"\n\n", "channel 'train', x: there is no document"),
        (CSV, b"", "channel 'train', x: there is no document"),
        (CSV, b"1,2\n", "channel 'train', x: documents have 2 features, must have 40"),
        (CSV, b"1,two\n", "channel 'train', x: not a CSV of numbers: could not convert"),
        (CSV, b"1,2\n3\n", "channel 'train', x: not a CSV of numbers: the number of columns"),
        (CSV, b",".join([b"-1"] * 40), "channel 'train', x: word counts must be finite and not"),
        (CSV, b",".join([b"1e99"] * 40), "channel 'train', x: word counts must be finite and"),
        (CSV, b",".join([b"0"] * 40), "no document has a word"),
    ],
)
def test_bad_data_is_a_client_error(
    content_type: str, content: bytes, message: str, tmp_path: Path
) -> None:
    channels = {"train": {"ContentType": content_type}}
    assert train(prepare(tmp_path, channels=channels, files={"train/x": content})) == 2
    assert failure(tmp_path).startswith(f"ClientError: {message}")


def test_a_broken_configuration_is_a_client_error(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "input/config/hyperparameters.json").write_text("{")
    assert train(tmp_path) == 2
    assert failure(tmp_path).startswith("ClientError: hyperparameters.json can't be read: ")


def test_a_fault_of_the_program_is_an_algorithm_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Model:
        raise RuntimeError("no\nmore memory")

    monkeypatch.setattr("local_aws.lda_image.train.fit", fail)
    assert train(prepare(tmp_path)) == 1
    assert failure(tmp_path) == r"AlgorithmError: RuntimeError('no\nmore memory')"


# --- serve


@pytest.fixture(scope="module")
def model() -> Model:
    return draw()[1]


@pytest.fixture(scope="module")
def port(model: Model) -> Iterator[int]:
    server = serve.make_server(model, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def ask(
    port: int, body: bytes, headers: dict[str, str], *, method: str = "POST", path: str = ""
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path or "/invocations", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def json_body(counts: sparse.csr_array, form: str) -> bytes:
    instances = []
    for row in counts.toarray().tolist():
        keys = [key for key, value in enumerate(row) if value]
        features = {"keys": keys, "shape": [len(row)], "values": [row[key] for key in keys]}
        forms: dict[str, Any] = {
            "features": {"features": row},
            "values": {"data": {"features": {"values": row}}},
            "sparse": {"data": {"features": features}},
        }
        instances.append(forms[form])
    return json.dumps({"instances": instances}).encode()


@pytest.mark.parametrize("form", ["csv", "recordio", "dense", "features", "values", "sparse"])
def test_every_documented_request_is_answered_with_the_mixtures(
    form: str, model: Model, port: int
) -> None:
    counts, _ = draw(20, seed=3)
    if form == "csv":
        body, content_type = csv(counts), "text/csv; charset=utf-8"
    elif form == "recordio":
        body, content_type = recordio(counts), RECORDIO
    elif form == "dense":
        body, content_type = dense_recordio(counts), RECORDIO
    else:
        body, content_type = json_body(counts, form), "application/json"
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    status, answer = ask(port, body, headers)
    assert status == 200
    mixtures = [prediction["topic_mixture"] for prediction in json.loads(answer)["predictions"]]
    np.testing.assert_allclose(mixtures, infer(model, counts), atol=1e-12)


@pytest.mark.parametrize("form", ["features", "values"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", " : ")])
def test_whole_numbers_in_json_are_read_however_they_are_spaced(
    separators: tuple[str, str], form: str
) -> None:
    counts, _ = draw(20, seed=3)
    counts.data[:3] = (10, 107, 16777216)
    instances = json.loads(json_body(counts.astype(np.int64), form))
    body = json.dumps(instances, separators=separators).encode()
    found = word_counts.parse(body, word_counts.JSON, 40)
    np.testing.assert_array_equal(found.toarray(), counts.toarray())


ROW = ",".join(["1"] * 40)
SPARSE = '{"instances": [{"data": {"features": {"keys": %s, "shape": %s, "values": %s}}}]}'


@pytest.mark.parametrize(
    ("content_type", "body", "status", "message"),
    [
        ("text/csv", "", 400, "there is no document"),
        ("text/csv", "1,2,3\n", 400, "documents have 3 features, must have 40"),
        ("text/csv", "1,x", 400, "could not convert string 'x'"),
        ("text/csv", ROW + "\n1,2", 400, "the number of columns changed from 40 to 2"),
        ("text/csv", ROW.replace("1", "-1", 1), 400, "must be finite and not negative"),
        ("text/csv", ROW.replace("1", "nan", 1), 400, "must be finite and not negative"),
        ("text/csv", ROW.replace("1", "é", 1), 400, "not a CSV of numbers"),
        ("application/json", "", 400, "not JSON"),
        ("application/json", "[" * 100_000, 400, "not JSON"),
        ("application/json", "[]", 400, 'the request must be {"instances": [...]}'),
        ("application/json", '{"instances": []}', 400, "with at least one document"),
        ("application/json", '{"instances": [7]}', 400, "instance 0: must have 'features'"),
        ("application/json", '{"instances": [{}]}', 400, "instance 0: must have 'features'"),
        ("application/json", '{"instances": [{"data": 1}]}', 400, "must have 'features'"),
        ("application/json", '{"instances": [{"features": [1]}]}', 400, "1 features, must be 40"),
        (
            "application/json",
            '{"instances": [{"features": ["1"]}]}',
            400,
            "features must be a list of numbers",
        ),
        (
            "application/json",
            '{"instances": [{"features": [true]}]}',
            400,
            "features must be a list of numbers",
        ),
        (
            "application/json",
            '{"instances": [{"features": [NaN]}]}',
            400,
            "not JSON: NaN is not a number",
        ),
        *(
            ("application/json", f'{{"instances": [{{"features": [{row}]}}]}}', 400, "not JSON")
            for row in ("0" + ROW, f"{ROW}\n{ROW}", ROW.replace(",", ",,", 1), f"{ROW},")
        ),
        ("application/json", SPARSE % ("[1]", "[40]", "[1e999]"), 400, "must be finite"),
        ("application/json", SPARSE % ("[1]", "[40]", "[1%s]" % ("0" * 400)), 400, "finite"),
        ("application/json", SPARSE % ("[1]", "[40]", "[-2]"), 400, "must be finite and not neg"),
        ("application/json", SPARSE % ("[1, 2]", "[40]", "[1]"), 400, "2 keys for 1 values"),
        ("application/json", SPARSE % ("[40]", "[40]", "[1]"), 400, "keys must be whole numbers"),
        ("application/json", SPARSE % ("[-1]", "[40]", "[1]"), 400, "keys must be whole numbers"),
        ("application/json", SPARSE % ("[0.5]", "[40]", "[1]"), 400, "keys must be whole numbers"),
        ("application/json", SPARSE % ("[1]", "[41]", "[1]"), 400, "shape is [41], must be [40]"),
        (RECORDIO, "junk that is no record", 400, "byte 0: magic is"),
        (RECORDIO, "", 400, "there is no record"),
        ("application/xml", ROW, 415, "content type 'application/xml' is not supported"),
    ],
)
def test_a_bad_request_is_refused_with_a_message(
    content_type: str, body: str, status: int, message: str, port: int
) -> None:
    answer = ask(port, body.encode(), {"Content-Type": content_type})
    assert answer[0] == status
    assert message in json.loads(answer[1])["error"]


def test_counts_of_one_word_given_twice_are_added_up(model: Model, port: int) -> None:
    _, answer = ask(
        port,
        (SPARSE % ("[3, 1, 3]", "[40]", "[1, 2, 4]")).encode(),
        {"Content-Type": "application/json"},
    )
    counts = np.zeros((1, 40), np.float32)
    counts[0, 1], counts[0, 3] = 2, 5
    mixture = json.loads(answer)["predictions"][0]["topic_mixture"]
    np.testing.assert_allclose([mixture], infer(model, sparse.csr_array(counts)), atol=1e-12)


def test_the_bytes_of_a_recordio_answer() -> None:
    """As the SDK writes `label { "topic_mixture": ... }`, which a conformance test holds."""
    expected = (
        "0a23d7ce23000000"  # magic, 35 bytes
        "1221"  # label: an entry of 33 bytes
        "0a0d746f7069635f6d697874757265"  # its key, topic_mixture
        "1210120e"  # its value, a float32 tensor
        "0a0c0000003f0000803e0000803e"  # 3 values
        "00"  # padding
    )  # fmt: skip
    assert write_recordio(np.array([[0.5, 0.25, 0.25]])).hex() == expected


@pytest.mark.parametrize("accept", [RECORDIO, f"{RECORDIO}, application/json"])
def test_recordio_can_be_asked_for(accept: str, model: Model, port: int) -> None:
    counts, _ = draw(20, seed=3)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "text/csv", "Accept": accept}
    connection.request("POST", "/invocations", csv(counts), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.headers["Content-Type"] == RECORDIO
    records = np.frombuffer(body, np.uint8).reshape(20, -1)
    values = records[:, -13:-1].copy().view("<f4")
    np.testing.assert_allclose(values, infer(model, counts), rtol=1e-6)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json;verbose=true", 200),
        ("text/html, application/json", 200),
        ("application/*", 200),
        ("application/jsonlines", 406),
        ("text/csv", 406),
    ],
)
def test_other_answers_than_json_and_recordio_are_refused(
    accept: str, status: int, port: int
) -> None:
    answer = ask(port, ROW.encode(), {"Content-Type": "text/csv", "Accept": accept})
    assert answer[0] == status


def test_a_body_of_more_than_6_mib_is_refused(port: int) -> None:
    full = b"0," * (3 * 1024 * 1024)
    assert ask(port, full, {"Content-Type": "text/csv"})[0] == 400
    status, message = ask(port, full + b"0", {"Content-Type": "text/csv"})
    assert (status, "6291457 bytes, at most 6291456" in message) == (413, True)


@pytest.mark.parametrize("length", ["x", "-1", "1" * 5000, "²"])
def test_a_length_that_is_no_number_is_refused(length: str, port: int) -> None:
    assert raw(port, f"Content-Length: {length}\r\n\r\n".encode("latin-1")).startswith(
        b"HTTP/1.1 411 "
    )


def test_a_body_of_unknown_length_is_refused(port: int) -> None:
    assert raw(port, b"Transfer-Encoding: chunked\r\n\r\n").startswith(b"HTTP/1.1 411 ")


def raw(port: int, rest: bytes) -> bytes:
    """Send a request that http.client would not, and read until the server closes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    connection.sock.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\n" + rest)
    answer = b""
    while piece := connection.sock.recv(65536):
        answer += piece
    connection.close()
    return answer


def test_other_paths_are_not_found(port: int) -> None:
    assert ask(port, b"", {}, method="GET", path="/ping")[0] == 200
    assert ask(port, b"", {}, method="GET", path="/other")[0] == 404
    assert ask(port, b"1", {}, path="/other")[0] == 404
    assert ask(port, b"", {}, method="PUT")[0] == 501


def test_a_connection_serves_several_requests_also_after_a_refusal(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    statuses = []
    for body in (ROW, "x", ROW):
        connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [200, 400, 200]


def test_a_burst_of_connections_waits_its_turn(model: Model) -> None:
    """The server is not yet serving, so that all have to wait at the same time."""
    server = serve.make_server(model, 0)
    with contextlib.ExitStack() as waiting, server:
        for _ in range(100):
            waiting.enter_context(
                socket.create_connection(("127.0.0.1", server.server_port), timeout=5)
            )


def test_garbage_is_refused_and_the_server_goes_on(port: int) -> None:
    rng = np.random.default_rng(0)
    good = recordio(draw(2)[0])
    for _ in range(150):
        damaged = bytearray(good)
        for position in rng.integers(0, len(good), 3):
            damaged[position] = rng.integers(256)
        kind = (RECORDIO, "text/csv", "application/json")[rng.integers(3)]
        status, _ = ask(port, bytes(damaged), {"Content-Type": kind})
        assert status in (200, 400)
    claim = struct.pack("<II", 0xCED7230A, (1 << 29) - 4)
    assert ask(port, claim, {"Content-Type": RECORDIO})[0] == 400
    assert ask(port, ROW.encode(), {"Content-Type": "text/csv"})[0] == 200


def test_the_server_announces_itself_answers_and_ends_on_sigterm(
    model: Model, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model_algo-1").write_bytes(archive.encode(model))
    with start("serve", "--ml-root", str(tmp_path), "--port", "0") as process:
        assert process.stdout is not None
        address = process.stdout.readline().rstrip()
        assert address.startswith("listening on http://127.0.0.1:")
        port = int(address.rpartition(":")[2])
        assert ask(port, b"", {}, method="GET", path="/ping") == (200, "")
        assert ask(port, ROW.encode(), {"Content-Type": "text/csv"})[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_a_private_server_answers_below_the_path_that_it_prints_alone(
    model: Model, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model_algo-1").write_bytes(archive.encode(model))
    arguments = ["serve", "--ml-root", str(tmp_path), "--port", "0", "--private"]
    with start(*arguments) as process:
        assert process.stdout is not None
        address = process.stdout.readline().rstrip().removeprefix("listening on http://127.0.0.1:")
        port, _, path = address.partition("/")
        assert len(path) > 20
        csv = {"Content-Type": "text/csv"}
        assert ask(int(port), b"", {}, method="GET", path=f"/{path}/ping") == (200, "")
        assert ask(int(port), ROW.encode(), csv, path=f"/{path}/invocations")[0] == 200
        for refused in ("/ping", "/invocations", f"/{path}", f"/{path[:-1]}/invocations"):
            assert ask(int(port), ROW.encode(), csv, path=refused)[0] == 404
        process.kill()


@pytest.mark.parametrize("content", [None, b"junk"])
def test_without_a_usable_model_the_server_does_not_start(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    if content is not None:
        (tmp_path / "model/model_algo-1").write_bytes(content)
    assert main(["serve", "--ml-root", str(tmp_path), "--port", "0"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "model_algo-1" in printed.err


@pytest.mark.parametrize(("port", "code"), [("65536", 2), ("-1", 2), ("http", 2)])
def test_a_port_that_there_is_not_is_refused_in_a_line(
    port: str, code: int, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model_algo-1").write_bytes(archive.encode(model))
    with start("serve", "--ml-root", str(tmp_path), f"--port={port}") as process:
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output.count("\n")) == (code, 1)
    assert "port" in output


def test_training_ends_on_sigterm_and_leaves_no_model(tmp_path: Path) -> None:
    prepare(tmp_path)
    pipe = tmp_path / "input/config/inputdataconfig.json"
    pipe.unlink()
    os.mkfifo(pipe)  # nobody writes, so training waits here
    with start("train", "--ml-root", str(tmp_path)) as process:
        writing = os.open(pipe, os.O_WRONLY)  # which waits for the reader
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
    os.close(writing)
    assert not list((tmp_path / "model").iterdir())


def test_the_image_does_not_import_the_aws_sdk() -> None:
    """It starts on every deployment, and boto3 would be half of its start-up time."""
    modules = "local_aws.lda_image.train, local_aws.lda_image.serve, sys"
    program = f"import {modules}; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_the_table_of_behaviours_names_tests_that_exist() -> None:
    table = (ROOT / "docs/lda-image.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    for name in re.findall(r"`(test_\w+)`", table):
        assert any(f"def {name}(" in source for source in sources), name
