"""What the explorer of a page can be asked: its data, and what bounds them."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from data_prep.documents import TrainTest
from tests.support.prepared_corpus import write_corpus
from topics.__main__ import main
from topics.model.archive import Model, save
from topics.quality.matching import compare
from topics.quality.relevance import ever_most_relevant, topic_given_word, word_probabilities
from topics.report import comparison_page, explorer, model_page
from topics.report.explorer import explorer_data
from topics.report.rendering import script
from topics.report.sample import Sample, take_sample

TEMPLATES = Path(explorer.__file__).with_name("templates")


def sampled(beta: np.ndarray, words: list[str] | None = None, documents: int = 40) -> Sample:
    rng = np.random.default_rng(0)
    topics, size = beta.shape
    mixtures = rng.dirichlet(np.full(topics, 0.3), documents)
    rows = mixtures @ beta
    rows /= rows.sum(axis=1, keepdims=True)
    counts = np.array([rng.multinomial(50, row) for row in rows])
    counts[:, 0] += counts.sum(axis=1) == 0
    names = words or [f"word{number}" for number in range(size)]
    train = sparse.csr_array(counts.astype(np.float32))
    numbers = np.arange(1, documents + 1) * 3
    return take_sample(Model(np.full(topics, 0.3), beta), TrainTest(names, train, None, numbers))


def drawn(topics: int, words: int, concentration: float = 0.1) -> np.ndarray:
    return np.random.default_rng(topics).dirichlet(np.full(words, concentration), topics)


def unpack(text: str, numbers: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), numbers)


def read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    for model in found["models"]:
        for name, numbers in {"probabilities": "<f8", "phi": "<f8", "ids": "<u4"}.items():
            model[name] = unpack(model[name], numbers)
        given = unpack(model["given"], "<u2")
        model["given"] = given.reshape(len(found["words"]), len(model["topics"]))
    return found


def test_the_page_has_the_words_that_can_show_up_and_their_numbers() -> None:
    sample = sampled(drawn(4, 500))
    found = read(explorer_data([sample]))
    (model,) = found["models"]
    ever = ever_most_relevant(sample.model.beta, sample.shares, found["shown"])
    start = 0
    shown = set()
    for topic in model["topics"]:
        ids = model["ids"][start : topic["stop"]]
        words = [found["words"][id_] for id_ in ids]
        assert words == [sample.words[id_] for id_ in ever[topic["number"]]]
        phi = sample.model.beta[topic["number"], ever[topic["number"]]]
        assert (model["phi"][start : topic["stop"]] == phi).all()
        start = topic["stop"]
        shown |= {*words, *(found["words"][w] for d in topic["documents"] for w in d["words"])}
    assert start == len(model["ids"]) == len(model["phi"])
    assert set(found["words"]) == shown
    assert len(found["words"]) < 500
    at = [sample.words.index(word) for word in found["words"]]
    numbers = [topic["number"] for topic in model["topics"]]
    probabilities = word_probabilities(sample.model.beta, sample.shares)[at]
    assert model["probabilities"] == pytest.approx(probabilities)
    given = topic_given_word(sample.model.beta, sample.shares)[numbers][:, at].T
    assert np.abs(model["given"] / 10_000 - given).max() <= 0.5 / 10_000 + 1e-12


def test_topics_are_the_largest_first_with_their_shares_and_nearest() -> None:
    sample = sampled(np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0.4, 0.6, 0, 0]]))
    (model,) = read(explorer_data([sample]))["models"]
    shares = [topic["share"] for topic in model["topics"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    near = {t["number"]: model["topics"][t["nearest"][0]]["number"] for t in model["topics"]}
    assert (near[0], near[2]) == (2, 0)
    assert model["tokens"] == sample.counts.sum()


def test_documents_have_their_number_in_the_source_their_mixture_and_telling_words() -> None:
    sample = sampled(np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]))
    found = read(explorer_data([sample], titles=[f"title {number}" for number in range(1, 121)]))
    (model,) = found["models"]
    for topic in model["topics"]:
        assert len(topic["documents"]) == 10
        for document in topic["documents"]:
            row = sample.numbers.tolist().index(document["number"])
            assert document["title"] == f"title {document['number']}"
            for at, share in document["mixture"]:
                number = model["topics"][at]["number"]
                assert share == pytest.approx(sample.mixtures[row, number], abs=1e-4)
            assert model["topics"][document["mixture"][0][0]]["number"] == topic["number"]
            own = {"word0", "word1"} if topic["number"] == 0 else {"word2", "word3"}
            assert found["words"][document["words"][0]] in own


def test_two_models_share_a_map_and_their_pairs_say_what_moved() -> None:
    words = ["ape", "bear", "cat", "dog"]
    beta = np.array([[0.7, 0.3, 0, 0], [0, 0, 0.5, 0.5]])
    samples = [sampled(beta, words), sampled(np.array([beta[1], [0.3, 0.7, 0, 0]]), words)]
    comparison = compare(samples[0].model, samples[1].model, words, 5)
    found = read(explorer_data(samples, comparison))
    a, b = found["models"]
    assert (a["letter"], b["letter"]) == ("A", "B")
    assert len(found["pairs"]) == 2
    for pair in found["pairs"]:
        first, second = a["topics"][pair["topics"][0]], b["topics"][pair["topics"][1]]
        assert (first["number"], second["number"]) in {(0, 1), (1, 0)}
        if first["number"] == 1:
            assert (first["x"], first["y"]) == (second["x"], second["y"])
            assert (pair["up"], pair["down"]) == ([], [])
        else:
            assert [(found["words"][w], c) for w, c in pair["up"]] == [("bear", 0.4)]
            assert [(found["words"][w], c) for w, c in pair["down"]] == [("ape", -0.4)]


def test_a_page_has_the_150_largest_topics_of_a_model_with_more() -> None:
    sample = sampled(drawn(170, 400), documents=400)
    found = read(explorer_data([sample]))
    numbers = [topic["number"] for topic in found["models"][0]["topics"]]
    assert numbers == sample.order[:150].tolist()
    for topic in found["models"][0]["topics"]:
        assert all(at < 150 for document in topic["documents"] for at, _ in document["mixture"])


@pytest.mark.parametrize(("topics", "told"), [(3, False), (4, True)])
def test_a_page_says_so_when_it_does_not_show_all_topics(
    topics: int, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (explorer, model_page, comparison_page):
        monkeypatch.setattr(module, "MAX_TOPICS", 3)
    write_corpus(tmp_path / "corpus", [f"word{number}" for number in range(20)])
    save(Model(np.ones(topics), drawn(topics, 20)), tmp_path / "model.tar.gz")
    where = ["--prepared", f"{tmp_path}/corpus", "--html", f"{tmp_path}/page.html"]
    model = f"{tmp_path}/model.tar.gz"
    for command in (["report", model], ["compare", model, model]):
        assert main([*command, *where]) == 0
        text = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert ("Of a model with more topics, the 3 largest are shown." in text) == told


def test_pairs_of_topics_that_are_not_shown_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "MAX_TOPICS", 2)
    samples = [sampled(drawn(4, 60)), sampled(drawn(3, 60))]
    comparison = compare(samples[0].model, samples[1].model, samples[0].words, 2)
    found = read(explorer_data(samples, comparison))
    numbers = [[topic["number"] for topic in model["topics"]] for model in found["models"]]
    told = [[numbers[at][pair["topics"][at]] for at in range(2)] for pair in found["pairs"]]
    expected = [
        [pair.first, pair.second]
        for pair in comparison.pairs
        if pair.first in numbers[0] and pair.second in numbers[1]
    ]
    assert told == expected


@pytest.mark.parametrize("topics", [1, 2])
def test_a_model_of_a_topic_and_a_word_that_no_topic_has_can_be_asked_too(topics: int) -> None:
    beta = np.zeros((topics, 3))
    beta[:, 0] = 1
    found = read(explorer_data([sampled(beta)]))
    assert found["words"] == ["word0"]
    assert {tuple(topic["nearest"]) for topic in found["models"][0]["topics"]} <= {
        (-1, 0),
        (0, 0),
        (1, 0),
    }


def test_a_page_has_a_few_words_of_a_topic_whatever_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explorer, "_RELEVANT", 12)
    monkeypatch.setattr(explorer, "_MOVED", 2)
    samples = [sampled(drawn(4, 300)), sampled(drawn(3, 300))]
    comparison = compare(samples[0].model, samples[1].model, samples[0].words, 40)
    found = read(explorer_data(samples, comparison))
    for model, sample in zip(found["models"], samples, strict=True):
        assert [topic["stop"] for topic in model["topics"]] == [
            12 * (at + 1) for at in range(len(model["topics"]))
        ]
        ever = ever_most_relevant(sample.model.beta, sample.shares, found["shown"])
        for topic in model["topics"]:
            own = ever[topic["number"]]
            best = own[np.argsort(-sample.model.beta[topic["number"], own])[:12]]
            ids = model["ids"][topic["stop"] - 12 : topic["stop"]]
            assert {found["words"][id_] for id_ in ids} == {sample.words[id_] for id_ in best}
    assert all(len(pair["up"]) == len(pair["down"]) == 2 for pair in found["pairs"])


@pytest.mark.parametrize(
    ("topics", "words", "megabytes"), [(10, 3012, 0.3), (100, 50_000, 3)], ids=str
)
def test_the_data_of_a_large_model_stay_small(topics: int, words: int, megabytes: float) -> None:
    sample = sampled(drawn(topics, words, 1), documents=60)
    assert len(explorer_data([sample])) < 1e6 * megabytes


HOSTILE = {
    "</script><script>alert(1)</script>": "</script><script>alert(1)</script>",
    "<!--<script>": "<!--<script>",
    "]]>&amp;": "]]>&amp;",
    "\u202eright": "\\u202eright",
    "\u2066open": "\\u2066open",
    "\u2069closed": "\\u2069closed",
    "a\u2028b\u2029c": "a b c",
    "\x00\x1b[31m\x7f\x9b": "\\u0000\\u001b[31m\\u007f\\u009b",
    "\ud800": "\\ud800",
    "\ufeffmark": "\\ufeffmark",
    'quote"\\': 'quote"\\',
    "w" * 1000: "w" * 100 + "…",
    "\U000e0041tag": "\\udb40\\udc41tag",
    "شلام": "شلام",
    "नमस्\u200dते": "नमस्\u200dते",
}


def test_hostile_words_are_labels_and_nothing_else() -> None:
    sample = sampled(np.full((1, len(HOSTILE)), 1 / len(HOSTILE)), list(HOSTILE))
    titles = [list(HOSTILE)[number % len(HOSTILE)] for number in range(120)]
    text = explorer_data([sample], titles=titles)
    assert not re.search("[<>&\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", text)
    text.encode()  # lone surrogates can't be
    found = read(text)
    assert found["words"] == list(HOSTILE.values())
    assert all(len(d["title"]) <= 201 for t in found["models"][0]["topics"] for d in t["documents"])


def test_the_script_is_the_modules_in_the_order_of_their_imports() -> None:
    files = sorted((TEMPLATES / "explorer").glob("*.js"))
    modules = [file.read_text(encoding="utf-8") for file in files]
    assert sum(module.count("\n") for module in modules) < 600
    joined = script()
    assert not re.search(r"^(import|export)\b", joined, re.MULTILINE)
    assert not re.search("</script|<!--", joined)
    for module in modules:
        for line in module.splitlines():
            if line.startswith(("export ", "function ")):
                assert line.removeprefix("export ") in joined
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", joined, re.MULTILINE)
    assert len(names) == len(set(names))
    places = {name: joined.index(f"function {name}(") for name in ("load", "drawMap", "showTopic")}
    assert sorted(places.values()) == list(places.values())
    assert joined.index("await load(") > max(places.values())


# --- titles


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "corpus", [f"word{number}" for number in range(20)])
    save(Model(np.ones(2), np.kron(np.eye(2), np.full(10, 0.1))), tmp_path / "model.tar.gz")
    return tmp_path


def report(folder: Path, titles: Path) -> int:
    where = ["--prepared", f"{folder}/corpus", "--html", f"{folder}/report.html"]
    return main(["report", f"{folder}/model.tar.gz", *where, "--titles", str(titles)])


def test_documents_are_named_by_their_titles(made: Path) -> None:
    titles = made / "titles.txt"
    titles.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(f"t<{n}>" for n in range(1, 61)).encode())
    assert report(made, titles) == 0
    text = (made / "report.html").read_text(encoding="utf-8")
    cards = re.findall(r"<li><b>(\d+)</b> <bdi>t&lt;(\d+)&gt;</bdi>", text)
    assert len(cards) == 2 * 3
    assert all(number == title for number, title in cards)
    assert '"title":"t\\u003c' in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"one\ntwo\n",
            "titles.txt: there are 2 lines, but the corpus has a document 45; the file",
        ),
        (b"one\n\xff\n", "titles.txt:2:1: byte 0xff is not UTF-8"),
        (None, "titles.txt: No such file or directory"),
    ],
)
def test_bad_titles_are_one_line(
    content: bytes | None, message: str, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (made / "titles.txt").write_bytes(content)
    assert report(made, made / "titles.txt") == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (made / "report.html").exists()


def test_titles_without_a_page_are_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = f"{made}/model.tar.gz"
    where = ["--prepared", f"{made}/corpus"]
    assert main(["compare", model, model, *where, "--titles", "titles.txt"]) == 2
    assert "--titles is for the page: give --html FILE too" in capsys.readouterr().err
