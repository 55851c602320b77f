"""`topics predict`, over HTTP against the local LDA image."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from data_prep.convert import convert
from data_prep.recordio import encode, read_matrix
from tests.support.runtime_server import ENDPOINT, RuntimeServer, running
from topics.__main__ import main
from topics.endpoint.payload import CONTENT_TYPES
from topics.lda.mixtures import infer
from topics.lda.spectral import fit
from topics.model.archive import Model, save

MODEL = Model(np.array([0.75, 0.25]), np.array([[0.5, 0.5, 0], [0.125, 0.25, 0.625]]))
ROWS = sparse.csr_array(np.array([[9, 0, 0], [0, 0, 9]], np.float32))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RuntimeServer]:
    """Serves `MODEL`; the working folder has it, its vocabulary and two documents."""
    monkeypatch.chdir(tmp_path)
    save(MODEL, Path("model.tar.gz"))
    Path("vocab.txt").write_text("ape\nbear\ncat\n", encoding="utf-8")
    Path("test.recordio").write_bytes(b"".join(encode(ROWS)))
    with running(MODEL) as server:
        server.use(monkeypatch)
        yield server


def predict(*arguments: str) -> int:
    return main(["predict", "--endpoint", ENDPOINT, *arguments])


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_region_may_be_that_of_the_cdk(
    server: RuntimeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 by itself reads AWS_DEFAULT_REGION alone."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert predict("test.recordio") == 0


def test_json_lines_have_mixture_and_largest_topics(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("test.recordio", "--top", "1") == 0
    printed = capsys.readouterr()
    expected = infer(MODEL, ROWS)
    first, second = lines(printed.out)
    np.testing.assert_allclose(first["topic_mixture"], expected[0])
    assert first["topics"] == [{"topic": 0, "share": pytest.approx(expected[0, 0])}]
    assert second["topics"] == [{"topic": 1, "share": pytest.approx(expected[1, 1])}]
    assert printed.out.startswith('{"topic_mixture": [')
    assert printed.err.startswith("2 predictions in ")
    assert printed.err.count("\n") == 1


def test_with_model_and_vocabulary_the_topics_have_words(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", "model.tar.gz", "--vocab", "vocab.txt", "--words", "2"]
    assert predict("test.recordio", *words) == 0
    first, second = lines(capsys.readouterr().out)
    assert [topic["words"] for topic in first["topics"]] == [["ape", "bear"], ["cat", "bear"]]
    assert [topic["words"] for topic in second["topics"]] == [["cat", "bear"], ["ape", "bear"]]


def test_the_words_come_from_the_model_that_the_endpoint_runs(
    server: RuntimeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def address(endpoint: str) -> str:
        assert endpoint == ENDPOINT
        return "model.tar.gz"

    monkeypatch.setattr("topics.commands.predict.model_address", address)
    assert predict("test.recordio", "--vocab", "vocab.txt", "--top", "1") == 0
    first, _ = lines(capsys.readouterr().out)
    assert first["topics"][0]["words"] == ["ape", "bear", "cat"]


def test_raw_text_goes_through_the_vocabulary_into_a_table(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("one.txt").write_text("The CAT.\nA cat, a bear", encoding="utf-8")
    texts = ["--text", "ape " * 99, "--text", "dog", "--file", "one.txt"]
    words = ["--model", "model.tar.gz", "--vocab", "vocab.txt", "--words", "1"]
    assert predict(*texts, *words, "--table") == 0
    printed = capsys.readouterr()
    apes, cats = infer(MODEL, sparse.csr_array(np.array([[99, 0, 0], [0, 1, 2]], np.float32)))
    assert printed.out.splitlines() == [
        "document  topic  share  words",
        f"       1      0  {apes[0]:.3f}  ape",
        f"              1  {apes[1]:.3f}  cat",
        "       2      -      -",
        f"       3      1  {cats[1]:.3f}  cat",
        f"              0  {cats[0]:.3f}  ape",
    ]
    assert "3 predictions in " in printed.err
    assert ", 1 of them without any word of the vocabulary\n" in printed.err


def test_a_document_without_words_has_the_mixture_null(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("--text", "dog", "--vocab", "vocab.txt", "--top", "0") == 0
    assert capsys.readouterr().out == '{"topic_mixture": null, "topics": []}\n'
    assert server.media == []


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("pairs.txt", "1:9\n3:9\n", []),
        ("docword.txt", "2\n3\n2\n1 1 9\n2 3 9\n", []),
        ("text.txt", f"{'ape ' * 9}\n{'cat ' * 9}\n", []),
        ("docs.jsonl", f'{{"a": "{"ape " * 9}"}}\n{{"a": "{"cat " * 9}"}}\n', ["--field", "a"]),
        ("docs.csv", f"a,b\n1,{'ape ' * 9}\n2,{'cat ' * 9}\n", ["--column", "b"]),
    ],
)
def test_any_format_of_data_prep_gives_the_same_predictions(
    name: str,
    content: str,
    options: list[str],
    server: RuntimeServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert predict("test.recordio", "--model", "model.tar.gz") == 0
    expected = capsys.readouterr().out
    Path(name).write_text(content, encoding="utf-8")
    assert predict(name, "--vocab", "vocab.txt", "--model", "model.tar.gz", *options) == 0
    found = capsys.readouterr().out
    for id_, word in enumerate(("ape", "bear", "cat")):
        found = found.replace(f'"{word}"', f'"{id_}"')
    assert found == expected


def test_a_file_is_written_when_all_is_answered(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("test.recordio", "--limit", "1", "--out", "out.jsonl") == 0
    assert len(lines(Path("out.jsonl").read_text(encoding="utf-8"))) == 1
    assert capsys.readouterr().out == ""


def test_an_older_file_stays_when_the_endpoint_fails(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.jsonl").write_text("older", encoding="utf-8")
    server.faults = [(400, "AccessDeniedException", "not authorized")]
    before = sorted(Path().iterdir())
    assert predict("test.recordio", "--out", "out.jsonl") == 1
    message = f"topics: the endpoint {ENDPOINT!r}: AccessDeniedException: not authorized\n"
    assert capsys.readouterr().err == message
    assert Path("out.jsonl").read_text(encoding="utf-8") == "older"
    assert sorted(Path().iterdir()) == before


def test_a_device_is_written_to_and_not_replaced(server: RuntimeServer) -> None:
    assert predict("test.recordio", "--out", "/dev/null") == 0
    assert Path("/dev/null").is_char_device()


def test_an_error_of_the_container_is_told_in_its_words(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("four.txt").write_text("a\nb\nc\nd\n", encoding="utf-8")
    Path("pairs.txt").write_text("4:1\n", encoding="utf-8")
    assert predict("pairs.txt", "--vocab", "four.txt", "--top", "0") == 1
    message = "ModelError: documents have 4 features, must have 3"
    assert capsys.readouterr().err == f"topics: the endpoint {ENDPOINT!r}: {message}\n"


def test_a_model_of_other_topics_than_the_endpoints_is_noticed(
    server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    save(Model(np.ones(3), np.full((3, 3), 1 / 3)), Path("other.tar.gz"))
    assert predict("test.recordio", "--model", "other.tar.gz") == 2
    message = "topics: the answers have 2 topics, the model has 3: name the model that answers"
    assert capsys.readouterr().err == f"{message}\n"


@pytest.mark.parametrize(
    ("status", "told"), [("Updating", True), ("InService", False), (None, False)]
)
def test_that_an_endpoint_is_being_updated_is_told_if_it_may_be_known(
    status: str | None, told: bool, server: RuntimeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.status = status
    assert predict("test.recordio") == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 2
    assert (f"the endpoint {ENDPOINT!r} is being updated: " in printed.err) is told


def test_an_endpoint_that_is_not_there_is_one_line(
    server: RuntimeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("topics.endpoint.client.why_not_found", lambda name: f"{name} is asleep")
    assert main(["predict", "--endpoint", "night", "test.recordio"]) == 1
    assert capsys.readouterr() == ("", "topics: night is asleep\n")


def test_the_whole_test_split_is_predicted_as_inferred_in_every_form(
    nyt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order, and within 1e-5 of our own inference on the same model."""
    corpus = tmp_path / "corpus"
    manifest = convert(nyt / "nyt_data.txt", nyt / "nyt_vocab.dat", corpus)
    train, test = (
        read_matrix(io.BytesIO((corpus / name).read_bytes()))
        for name in ("train.recordio", "test.recordio")
    )
    model = fit(train, 10)
    expected = infer(model, test)
    assert manifest.test is not None
    assert expected.shape == (manifest.test.documents, 10)
    with running(model) as server:
        server.use(monkeypatch)
        for form in CONTENT_TYPES:
            out = tmp_path / f"{form}.jsonl"
            arguments = [str(corpus / "test.recordio"), "--content-type", form, "--out", str(out)]
            assert predict(*arguments) == 0
            found = [line["topic_mixture"] for line in lines(out.read_text(encoding="utf-8"))]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert set(server.media) == {form.media for form in CONTENT_TYPES.values()}
        assert len(server.media) > 2 * len(CONTENT_TYPES), "one request had them all"
