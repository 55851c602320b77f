"""The page and the pictures of a model."""

import base64
import hashlib
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from data_prep.__main__ import main as convert_main
from data_prep.documents import TrainTest, read_train_test
from tests.support.prepared_corpus import write_corpus
from topics.__main__ import main
from topics.model.archive import Model, save
from topics.quality.matching import Comparison, Move, Pair
from topics.report import sample as sample_module
from topics.report.comparison_page import write_comparison
from topics.report.model_page import write_report
from topics.report.overview import Document, Overview, Word, summarize
from topics.report.rendering import decimal, percent

WORDS = ["ape", "bear", "cat", "</script><script>alert(1)</script>", "$x^2$", "\u732b\u732b"]
MODEL = Model(
    np.array([0.6, 0.4]),
    np.array([[0.5, 0.3, 0.1, 0.1, 0, 0], [0, 0.05, 0.05, 0.2, 0.3, 0.4]]),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "corpus"
    write_corpus(folder, WORDS)
    return folder


@pytest.fixture(scope="module")
def made(corpus: Path) -> Path:
    """A folder with `report.html` and `plot.png`."""
    folder = corpus.parent
    save(MODEL, folder / "model.tar.gz")
    arguments = ["report", str(folder / "model.tar.gz"), "--prepared", str(corpus)]
    assert (
        main([*arguments, "--html", f"{folder}/report.html", "--plot", f"{folder}/plot.png"]) == 0
    )
    return folder


# --- numbers


def test_numbers_have_a_minus_sign_that_is_one() -> None:
    assert decimal(-1.256, 2) == "\N{MINUS SIGN}1.26"
    assert decimal(0.5, 1) == "0.5"
    assert decimal(None, 2) == decimal(float("nan"), 2) == "\N{EN DASH}"
    assert (percent(0.123), percent(0.0123), percent(1)) == ("12 %", "1.2 %", "100 %")


# --- what a report says


def test_sizes_are_shares_of_all_words_and_documents_are_those_of_the_topic(corpus: Path) -> None:
    read = read_train_test(corpus)
    found = summarize(MODEL, "here", read)
    assert sum(topic.size for topic in found.topics) == pytest.approx(1)
    assert found.train == found.sampled == read.train.shape[0]
    assert found.test == 15
    sizes = [topic.size for topic in found.topics]
    assert sizes == sorted(sizes, reverse=True)
    owns = ({"ape", "bear", "cat"}, set(WORDS[3:]))
    for topic in found.topics:
        own = owns[topic.number]
        assert topic.alpha == MODEL.alpha[topic.number]
        assert {word.word for word in topic.words[:2]} <= own
        shares = [document.share for document in topic.documents]
        assert shares == sorted(shares, reverse=True)
        for document in topic.documents:
            row = read.train[[document.number - 1]].toarray()[0]
            most = {WORDS[id_] for id_ in np.argsort(-row)[:2]}
            assert most <= own
            assert set(document.words[:1]) <= own
    np.testing.assert_allclose(found.similarity.diagonal(), 1)
    assert found.quality.log_likelihood is not None
    assert found.frequencies is not None
    assert found.quality.log_likelihood > found.frequencies


def test_a_large_corpus_is_sampled_evenly(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_module, "MAX_DOCUMENTS", 5)
    found = summarize(MODEL, "here", read_train_test(corpus))
    assert (found.sampled, found.train) == (5, 45)
    numbers = {document.number for topic in found.topics for document in topic.documents}
    assert numbers <= {1, 12, 23, 34, 45}


@pytest.mark.parametrize("options", [[], ["--seed", "3"], ["--seed", "3", "--min-words", "4"]])
def test_documents_are_named_by_their_number_in_the_corpus_that_was_converted(
    options: list[str], tmp_path: Path
) -> None:
    """Whatever was left out or held out: the first word of document n occurs n times."""
    lines = ["", "1:1,2:1", *(f"1:{n},2:9" for n in range(3, 51)), ""]
    (tmp_path / "corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "vocab.txt").write_text("ape\nbear\n", encoding="utf-8")
    files = ["--corpus", f"{tmp_path}/corpus.txt", "--vocab", f"{tmp_path}/vocab.txt"]
    split = ["--out", f"{tmp_path}/corpus", "--test-fraction", "0.5"]
    assert convert_main(["convert", *files, *split, *options]) == 0
    read = read_train_test(tmp_path / "corpus")
    model = Model(np.ones(2), np.array([[1.0, 0], [0, 1]]))
    most = max(int(row[0]) for row in read.train.toarray())
    first = next(topic for topic in summarize(model, "", read).topics if topic.number == 0)
    assert first.documents[0].number == most


def test_the_name_of_a_topic_sets_it_apart() -> None:
    """A word that every topic has says nothing of any, however probable it is."""
    beta = np.array([[0.45, 0.35, 0.2, 0], [0.45, 0, 0.2, 0.35]])
    counts = sparse.csr_array(np.array([[5, 5, 1, 0], [5, 0, 1, 5]] * 5, np.float32))
    words = ["said", "ape", "also", "dog"]
    found = summarize(Model(np.ones(2), beta), "", TrainTest(words, counts, None, np.arange(1, 11)))
    assert [topic.telling[0] for topic in found.topics] == ["ape", "dog"]
    assert [topic.words[0].word for topic in found.topics] == ["said", "said"]
    assert found.quality.log_likelihood is None
    assert found.frequencies is None


def test_held_out_documents_of_one_word_have_no_score_and_stop_no_report(tmp_path: Path) -> None:
    counts = sparse.csr_array(np.eye(2, dtype=np.float32))
    read = TrainTest(["ape", "dog"], counts, counts, np.array([1, 2]))
    found = summarize(Model(np.ones(2), np.eye(2)), "", read)
    assert (found.test, found.quality.log_likelihood, found.frequencies) == (2, None, None)
    write_report(tmp_path / "report.html", found)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no held-out document has two words" in page


def looked_at(beta: list[list[float]], counts: list[list[int]]) -> Overview:
    matrix = sparse.csr_array(np.array(counts, np.float32))
    words = [f"word{number}" for number in range(matrix.shape[1])]
    corpus = TrainTest(words, matrix, None, np.arange(1, matrix.shape[0] + 1))
    return summarize(Model(np.full(len(beta), 0.1), np.array(beta)), "", corpus)


def test_a_topic_of_more_than_a_third_of_all_words_is_warned_of() -> None:
    found = looked_at(np.eye(4).tolist(), [[40, 0, 0, 0], [0, 30, 0, 0], [0, 0, 25, 0]] * 9)
    assert [topic.number for topic in found.topics if topic.large] == [0]


@pytest.mark.parametrize(
    ("lengths", "large"), [([50, 50], []), ([80, 20], [0]), ([35, 33, 32], []), ([9], [])]
)
def test_few_topics_may_have_more_than_a_third_unless_one_has_far_more_than_its_share(
    lengths: list[int], large: list[int]
) -> None:
    found = looked_at(np.eye(len(lengths), 3).tolist(), (np.eye(3) * [*lengths, 0, 0][:3]).tolist())
    assert [topic.number for topic in found.topics if topic.large] == large


def test_a_topic_that_repeats_a_larger_one_is_warned_of() -> None:
    beta = [[0, 0, 0.5, 0.5], [0.5, 0.5, 0, 0], [0.4, 0.6, 0, 0]]
    found = looked_at(beta, [[0, 0, 20, 20], [5, 5, 0, 0], [32, 48, 0, 0]] * 3)
    repeats = {topic.number: topic.repeats for topic in found.topics}
    assert repeats == {0: None, 1: 2, 2: None}


def test_a_word_that_all_topics_have_does_not_make_them_repeat_each_other() -> None:
    """Such as a total that was counted as a word."""
    beta = np.zeros((3, 150))
    beta[:, 0] = 0.6
    for topic in range(3):
        beta[topic, 1 + 49 * topic : 50 + 49 * topic] = 0.4 / 49
    found = looked_at(beta.tolist(), np.rint(beta * 1000).astype(int).tolist())
    assert found.common == ["word0"]
    assert [topic.repeats for topic in found.topics] == [None] * 3
    assert found.similarity[0, 1] == 0
    np.testing.assert_allclose(found.similarity.diagonal(), 1)
    only = np.zeros((2, 150))  # a topic of nothing else
    only[0, 0] = only[1, 1] = 1
    assert np.isfinite(looked_at(only.tolist(), [[9] + [1] * 149]).similarity).all()


def test_a_topic_whose_words_are_never_together_is_warned_of() -> None:
    """Ten words that share all their documents, and ten that have one each."""
    beta = np.kron(np.eye(2), np.full(10, 0.1))
    apart = np.kron([[0, 1]], 5 * np.eye(10))
    together = np.kron([[1, 0]], np.ones((10, 10)))
    found = looked_at(beta.tolist(), np.vstack([together, apart]).tolist())
    assert {topic.number: topic.incoherent for topic in found.topics} == {0: False, 1: True}


# --- the page


class Outline(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("input", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.elements if each == name]


@pytest.fixture
def outline(made: Path) -> Outline:
    return Outline((made / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_holds_all_it_shows(made: Path, outline: Outline) -> None:
    assert outline.open == []
    names = {name for name, _ in outline.elements}
    assert not names & {"link", "iframe", "object", "form", "base", "video", "audio"}
    scripts = [attributes.get("type") for attributes in outline.all("script")]
    assert scripts == ["application/json", "module"]
    text = (made / "report.html").read_text(encoding="utf-8")
    text = text.replace("http://www.w3.org/2000/svg", "")  # a name, which is never fetched
    charts = [chart for chart in outline.all("svg") if chart.get("class") == "chart"]
    assert len(charts) == 4
    own = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    used = re.findall(r"url\(#([\w-]+)\)", text)
    assert len(used) == 4
    assert set(used) <= set(own)
    text = re.sub(r"url\(#[\w-]+\)", "", text)
    images = [image["href"] or "" for image in outline.all("image")]
    assert len(images) == 2
    assert all(image.startswith("data:image/png;base64,") for image in images)
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", text)
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [link["href"] for link in outline.all("a")]
    assert links
    assert {link for link in links if link} <= {f"#{id_}" for id_ in ids}


def test_words_can_not_become_markup(outline: Outline) -> None:
    assert "</script><script>alert(1)</script>" in outline.text
    assert len(outline.all("script")) == 2


def test_a_page_may_run_its_own_script_alone_and_fetch_nothing(
    made: Path, outline: Outline
) -> None:
    text = (made / "report.html").read_text(encoding="utf-8")
    _, _, rest = text.partition('<script type="module">')
    own, _, _ = rest.partition("</script>")
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    policies = [meta["content"] for meta in outline.all("meta") if "http-equiv" in meta]
    assert policies == [
        (
            f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline';"
            " img-src data:; base-uri 'none'; form-action 'none'"
        )
    ]


HOSTILE = [
    "</style><script>1</script>",
    '"><script>2</script>',
    "' onload='3",
    "{{ 7 * 7 }}",
    "<b",
    "&lt;",
]


def test_text_is_escaped_wherever_it_is_put_in(tmp_path: Path) -> None:
    """Words, and names of models, in every place of both pages."""
    found = looked_at(np.eye(2, len(HOSTILE)).tolist(), [[40, 1, 1, 1, 1, 1], [1, 40, 1, 1, 1, 1]])
    topics = [
        topic._replace(
            words=[Word(word, 0.5) for word in HOSTILE],
            telling=HOSTILE,
            documents=[Document(1, 0.5, HOSTILE)],
            large=True,
        )
        for topic in found.topics
    ]
    pages = [tmp_path / "model.html", tmp_path / "comparison.html"]
    write_report(pages[0], replace(found, source=HOSTILE[1], topics=topics, common=HOSTILE))
    moves = [Move(word, 0.1) for word in HOSTILE]
    comparison = Comparison([Pair(0, 0, 0.1, moves, moves)], [1], [1])
    tops = [[HOSTILE, HOSTILE]] * 2
    names = HOSTILE[0], HOSTILE[1]
    samples = [replace(found.sample, words=HOSTILE)] * 2
    write_comparison(pages[1], names, comparison, [found.quality] * 2, tops, samples)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        read = Outline(text)
        assert read.open == []
        assert len(read.all("script")) == 2
        assert not {name for _, given in read.elements for name in given if name.startswith("on")}
        assert ", ".join(HOSTILE) in "".join(read.text)
        assert text.count("<style>") == text.count("</style>") == 1


def test_everything_has_a_text_for_those_who_do_not_see(outline: Outline) -> None:
    assert [attributes["lang"] for attributes in outline.all("html")] == ["en"]
    assert len(outline.all("h1")) == len(outline.all("main")) == len(outline.all("title")) == 1
    charts = [picture for picture in outline.all("svg") if picture.get("role") == "img"]
    assert len(charts) == 4
    assert all(len(picture["aria-label"] or "") > 20 for picture in charts)
    assert len(outline.all("table")) == len(outline.all("caption")) == 2 + 3
    assert all("scope" in head for head in outline.all("th"))
    levels = [int(name[1]) for name, _ in outline.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))


def test_warnings_stand_in_the_table_and_with_the_topic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"w{number}w" for number in range(100)]
    write_corpus(tmp_path / "corpus", words, documents=90)
    beta = np.random.default_rng(0).dirichlet(np.full(100, 0.1), 3)
    save(Model(np.array([0.3, 0.2, 0.2, 0.2]), beta[[0, 1, 2, 2]]), tmp_path / "model.tar.gz")
    out = tmp_path / "report.html"
    command = ["report", str(tmp_path / "model.tar.gz"), "--prepared", str(tmp_path / "corpus")]
    assert main([*command, "--html", str(out)]) == 0
    found = summarize(
        Model(np.array([0.3, 0.2, 0.2, 0.2]), beta[[0, 1, 2, 2]]),
        "",
        read_train_test(tmp_path / "corpus"),
    )
    suspect = sum(topic.suspect for topic in found.topics)
    assert suspect
    assert capsys.readouterr().out == f"4 topics ({suspect} with a warning) -> {out}\n"
    text = out.read_text(encoding="utf-8")
    assert f"{suspect} of 4 topics ha" in text
    assert text.count("Warning: ") == 2 * suspect
    assert text.count("repeats topic ") == 2
    for topic in found.topics:
        if topic.large:
            assert f"holds {percent(topic.size)} of all words" in text


def test_the_table_lists_the_largest_topic_first_with_the_words_that_set_it_apart(
    outline: Outline, corpus: Path
) -> None:
    found = summarize(MODEL, "here", read_train_test(corpus))
    links = [link["href"] for link in outline.all("a")]
    assert links[:2] == [f"#topic-{topic.number}" for topic in found.topics]
    assert "Words that set it apart" in outline.text
    for topic in found.topics:
        assert ", ".join(topic.telling[:6]) in "".join(outline.text)


def test_the_same_model_gives_the_same_page(made: Path, corpus: Path) -> None:
    arguments = ["report", str(made / "model.tar.gz"), "--prepared", str(corpus)]
    assert main([*arguments, "--html", f"{made}/again.html"]) == 0
    assert (made / "again.html").read_bytes() == (made / "report.html").read_bytes()


def test_one_topic_makes_a_page_too(corpus: Path, tmp_path: Path) -> None:
    save(Model(np.ones(1), np.full((1, 6), 1 / 6)), tmp_path / "model.tar.gz")
    out = tmp_path / "report.html"
    command = ["report", str(tmp_path / "model.tar.gz"), "--prepared", str(corpus)]
    assert main([*command, "--html", str(out), "--plot", str(tmp_path / "plot.svg")]) == 0
    text = out.read_text(encoding="utf-8")
    assert "<h1>1 topic of 45 documents</h1>" in text
    assert "most alike</caption>" not in text


def test_many_topics_and_no_held_out_documents_make_a_page(tmp_path: Path) -> None:
    words = [f"w{number}w" for number in range(100)]
    write_corpus(tmp_path / "corpus", words, documents=90, test_fraction=0)
    beta = np.random.default_rng(0).dirichlet(np.full(100, 0.1), 40)
    save(Model(np.full(40, 1 / 40), beta), tmp_path / "model.tar.gz")
    out = tmp_path / "report.html"
    command = ["report", str(tmp_path / "model.tar.gz"), "--prepared", str(tmp_path / "corpus")]
    assert main([*command, "--html", str(out), "--plot", str(tmp_path / "plot.png")]) == 0
    text = out.read_text(encoding="utf-8")
    assert text.count("<article") == 40
    assert "no documents are held out" in text


# --- the pictures


def test_the_pictures_are_written_into_one_file(made: Path) -> None:
    assert (made / "plot.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_file_has_all_pictures_and_the_words_of_all_topics(made: Path, corpus: Path) -> None:
    arguments = ["report", str(made / "model.tar.gz"), "--prepared", str(corpus)]
    out = ["--html", f"{made}/third.html", "--plot", f"{made}/plot.svg"]
    assert main([*arguments, *out]) == 0
    text = (made / "plot.svg").read_text(encoding="utf-8")
    for title in ("Alpha", "Beta", "Sizes", "Similarity", "Most probable words", "topic 0"):
        assert f">{title}</text>" in text


def test_a_picture_with_boxes_for_letters_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No font has a letter for a noncharacter of Unicode; a picture in SVG keeps it as text."""
    write_corpus(tmp_path / "corpus", [*WORDS[:5], "\ufdd0\ufdd0"])
    save(MODEL, tmp_path / "model.tar.gz")
    command = ["report", str(tmp_path / "model.tar.gz"), "--prepared", str(tmp_path / "corpus")]
    for name, told in (("plot.png", True), ("plot.pdf", True), ("plot.svg", False)):
        plot = tmp_path / name
        assert main([*command, "--html", f"{tmp_path}/report.html", "--plot", str(plot)]) == 0
        boxes = "has boxes for letters that the font lacks, as in '\ufdd0\ufdd0' (1 of the words)"
        assert (f"{plot} {boxes}" in capsys.readouterr().err) == told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.tar.gz"], "none.tar.gz: No such file or directory"),
        (
            ["model.tar.gz", "--prepared", "none"],
            "none: there is no manifest.json; `python -m data",
        ),
        (["small.tar.gz", "--prepared", "corpus"], "the corpus has 6 words, the model 2: was"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    made: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(made)
    save(Model(np.ones(1), np.full((1, 2), 0.5)), Path("small.tar.gz"))
    assert main(["report", *arguments, "--html", "never.html"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not Path("never.html").exists()


def test_a_folder_that_can_not_be_written_to_is_a_failure(
    made: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["report", str(made / "model.tar.gz"), "--prepared", str(corpus)]
    assert main([*command, "--html", str(made / "none" / "report.html")]) == 1
    assert "No such file or directory" in capsys.readouterr().err
