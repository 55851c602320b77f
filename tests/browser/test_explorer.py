"""The explorer as a person uses it: with a mouse, a keyboard, a finger, a link, a screen reader."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from data_prep.documents import TrainTest, read_train_test
from tests.support import chromium
from tests.support.prepared_corpus import write_corpus
from topics.__main__ import main
from topics.model.archive import Model, load, save
from topics.quality.relevance import most_relevant, topic_given_word
from topics.report.sample import Sample, take_sample

from .explorer import see

pytestmark = pytest.mark.browser

HOSTILE = [
    "</script><script>document.title='run'</script>",
    "<img/src=x/onerror=document.title='run'>",
    '"onclick="x',
    "w" * 1000,
]
# Beside each word, what one types for it.
SCRIPTS = {
    "\u732b\u732b": "\u732b",
    "\u043c\u0438\u0440": "\u041c\u0418",
    "\u0928\u092e\u0938\u094d\u0924\u0947": "\u0928\u092e",
    "\u03ba\u03cc\u03c3\u03bc\u03bf\u03c2": "\u039a\u038c\u03a3",
    "Stra\u00dfe": "STRASS",
    "caf\u00e9": "cafe\u0301",
    "\u05e9\u05dc\u05d5\u05dd": "\u05dc\u05d5",
}
WORDS = [*(f"word{number}" for number in range(90)), *SCRIPTS, *HOSTILE]
CATS = next(iter(SCRIPTS))
PHONE, DESK = 390, 1280
SHOWN = "[...document.querySelectorAll('#words tbody th')].map(e => e.textContent)"
CHOSEN = "document.querySelector('#map [aria-checked=true] text').textContent"
RADII = """Object.fromEntries([...document.querySelectorAll('#map .topic')].map(e =>
  [e.querySelector('text').textContent, Number(e.querySelector('.disc').getAttribute('r'))]))"""


def mark(label: str) -> str:
    """A topic on the map."""
    found = "[...document.querySelectorAll('#map .topic')]"
    return f"{found}.find(e => e.querySelector('text').textContent === '{label}')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both pages, of models whose words are hostile and of many scripts."""
    folder = tmp_path_factory.mktemp("explorer")
    write_corpus(folder / "corpus", WORDS, documents=200)
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(len(WORDS), 0.2), 8)
    odd = len(SCRIPTS) + len(HOSTILE)
    beta[0, -odd:] = 1 / odd  # the words of topic 0
    beta /= beta.sum(axis=1, keepdims=True)
    save(Model(np.linspace(0.5, 0.1, 8), beta), folder / "a.tar.gz")
    other = beta[[3, 0, 1, 4, 2]] * 0.9 + 0.1 / len(WORDS)
    save(Model(np.linspace(0.5, 0.1, 5), other), folder / "b.tar.gz")
    lines = [f"Title {number} <b>" for number in range(1, 201)]
    (folder / "titles.txt").write_text("\n".join(lines), encoding="utf-8")
    where = ["--prepared", f"{folder}/corpus", "--titles", f"{folder}/titles.txt"]
    a, b = f"{folder}/a.tar.gz", f"{folder}/b.tar.gz"
    assert main(["report", a, *where, "--html", f"{folder}/report.html"]) == 0
    assert main(["compare", a, b, *where, "--html", f"{folder}/compare.html"]) == 0
    return folder


@pytest.fixture(scope="module")
def corpus(folder: Path) -> TrainTest:
    return read_train_test(folder / "corpus")


@pytest.fixture(scope="module")
def sample(folder: Path, corpus: TrainTest) -> Sample:
    return take_sample(load(f"{folder}/a.tar.gz"), corpus)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    with chromium.running(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: chromium.Page) -> Iterator[chromium.Page]:
    """A page on which nothing goes wrong."""
    browser.events.clear()
    browser.look(width=DESK)
    yield browser
    told = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert [event for event in browser.events if event[0] in told] == []
    assert browser.evaluate("document.title") != "run"


def event(name: str) -> str:
    """A promise of an event, which the page handles first."""
    return f"new Promise(done => addEventListener('{name}', () => done(), {{once: true}}))"


def label(word: str) -> str:
    """A word as the page shows it."""
    return word if len(word) <= 100 else f"{word[:100]}…"


def expected(sample: Sample, topic: int, weight: float) -> list[str]:
    ids = most_relevant(sample.model.beta, sample.shares, 30, weight)[topic]
    return [label(sample.words[id_]) for id_ in ids]


def test_the_page_opens_with_the_largest_topic_and_its_words(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    largest = int(sample.order[0])
    assert page.evaluate(CHOSEN) == str(largest)
    assert page.evaluate(SHOWN) == expected(sample, largest, 0.6)
    assert page.evaluate("location.hash") == ""


def test_circles_have_areas_in_the_proportion_of_the_shares(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    radii = page.evaluate(RADII)
    for topic, share in enumerate(sample.shares):
        least = 2 if share < 1e-3 else 0
        wanted = max(least, 360 * np.sqrt(share * 0.1 / np.pi))
        assert radii[str(topic)] == pytest.approx(wanted, abs=0.06)


def test_a_click_on_the_map_chooses_a_topic(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    for topic in map(int, sample.order[[-1, 2]]):
        page.click(f"{mark(str(topic))}.querySelector('text')")
        assert page.evaluate(CHOSEN) == str(topic)
        assert page.evaluate(SHOWN) == expected(sample, topic, 0.6)
        assert page.evaluate("location.hash") == f"#topic={topic}&lambda=0.6"
        chosen = "chosen.querySelector('.badge').textContent"
        assert page.evaluate(chosen) == str(topic)


def test_small_circles_lie_above_large_ones_whatever_is_chosen(
    folder: Path, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    radii = "[...document.querySelectorAll('#map .disc')].map(e => Number(e.getAttribute('r')))"
    for place in range(3):
        page.click(f"document.querySelectorAll('#words tbody button')[{place}]")
        found = page.evaluate(radii)
        assert found == sorted(found, reverse=True)
        assert max(found) > 2 * min(found)


def test_no_circle_leaves_the_map_whatever_is_chosen(folder: Path, page: chromium.Page) -> None:
    see(page, folder / "compare.html")
    outside = (
        "(m => [...document.querySelectorAll('#map .disc')].map(e => e.getBoundingClientRect())"
        ".filter(b => b.left < m.left || b.right > m.right || b.top < m.top || b.bottom > m.bottom)"
        ".length)(map.getBoundingClientRect())"
    )
    words = page.evaluate("document.querySelectorAll('#words tbody button').length")
    for place in range(words):
        page.evaluate(f"document.querySelectorAll('#words tbody button')[{place}].click()")
        assert page.evaluate(outside) == 0


def test_a_touch_beside_a_small_circle_chooses_it(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    page.look(width=PHONE)
    see(page, folder / "report.html", f"#topic=0&word={WORDS[3]}")
    small = min(page.evaluate(RADII).items(), key=lambda each: each[1])[0]
    page.evaluate(f"{mark(small)}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    disc = f"{mark(small)}.querySelector('.disc')"
    x, y = page.evaluate(
        f"(b => [b.x + b.width / 2 + 8, b.y + b.height / 2])({disc}.getBoundingClientRect())"
    )
    page.evaluate(f"window.seen = {event('click')}; 0")
    page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    page.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)
    page.evaluate("seen")
    assert page.evaluate(CHOSEN) == small


@pytest.mark.parametrize("weight", [0, 0.01, 0.37, 1])
def test_the_slider_ranks_as_python_does(
    weight: float, folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    page.evaluate(f"lambda.value = {weight}; lambda.dispatchEvent(new Event('input'))")
    for topic in range(8):
        page.evaluate(f"{mark(str(topic))}.dispatchEvent(new MouseEvent('click'))")
        assert page.evaluate(SHOWN) == expected(sample, topic, weight)
    assert page.evaluate("location.hash") == f"#topic=7&lambda={weight}"


def test_the_slider_moves_by_keys_and_says_where_it_is(folder: Path, page: chromium.Page) -> None:
    see(page, folder / "report.html")
    before = page.evaluate(SHOWN)
    page.evaluate("lambda.focus()")
    page.press("ArrowLeft", 3)
    assert page.evaluate("document.getElementById('lambda-value').textContent") == "0.57"
    page.press("Home")
    assert page.evaluate("document.getElementById('lambda-value').textContent") == "0.00"
    assert page.evaluate(SHOWN) != before
    assert page.evaluate("location.hash").endswith("&lambda=0")
    assert page.evaluate("document.activeElement.id") == "lambda"


def test_bars_are_as_long_as_the_numbers_beside_them(folder: Path, page: chromium.Page) -> None:
    see(page, folder / "report.html")
    rows = page.evaluate(
        "[...document.querySelectorAll('#words tbody tr')].map(row => ["
        "row.querySelector('.bar').getBoundingClientRect().width,"
        "row.querySelector('.corpus').getBoundingClientRect().width,"
        "...[...row.querySelectorAll('.number')].map(e => Number(e.textContent.replace(',', '')))])"
    )
    most = max(row[3] for row in rows)
    widest = max(row[1] for row in rows)
    for in_topic, in_corpus, topic, corpus in rows:
        assert in_topic / widest == pytest.approx(topic / most, abs=0.01)
        assert in_corpus / widest == pytest.approx(corpus / most, abs=0.01)
        assert topic <= corpus


def test_choosing_a_word_resizes_the_circles_by_what_each_topic_has_of_it(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    before = page.evaluate(RADII)
    button = "document.querySelectorAll('#words tbody button')[1]"
    word = page.evaluate(f"{button}.textContent")
    page.click(button)
    given = topic_given_word(sample.model.beta, sample.shares)[:, WORDS.index(word)]
    radii = page.evaluate(RADII)
    assert radii != before
    for topic, share in enumerate(given):
        wanted = max(2, 360 * np.sqrt(round(share, 4) * 0.1 / np.pi))
        assert radii[str(topic)] == pytest.approx(wanted, abs=0.06)
    assert page.evaluate(f"{button}.ariaPressed") == "true"
    most = int(given.argmax())
    percent = f"{100 * given[most]:.0f} %"
    told = page.evaluate("told.textContent")
    assert told.startswith(f"{word}: {percent} in topic {most}")
    assert page.evaluate("document.activeElement.textContent") == word
    assert page.evaluate("location.hash").endswith(f"&word={word}")
    page.click("told.querySelector('button')")
    assert page.evaluate(RADII) == before
    assert page.evaluate("told.textContent") == ""
    assert "word" not in page.evaluate("location.hash")
    assert page.evaluate("document.activeElement.id") == "word"


@pytest.mark.parametrize(("word", "typed"), SCRIPTS.items())
def test_search_finds_words_of_any_script_as_one_types(
    word: str, typed: str, folder: Path, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    page.click("word")
    page.type(typed)
    offered = page.evaluate("[...offers.children].map(e => e.textContent)")
    assert word in offered
    assert page.evaluate("word.ariaExpanded") == "true"
    page.click(f"offers.children[{offered.index(word)}]")
    assert page.evaluate("told.textContent").startswith(f"{word}: ")
    assert page.evaluate("word.value") == word
    assert page.evaluate("offers.hidden") is True


def test_a_key_that_composes_a_letter_chooses_nothing(folder: Path, page: chromium.Page) -> None:
    """As one types Chinese: Enter takes the letters, and then a word is searched."""
    see(page, folder / "report.html")
    page.click("word")
    page.type(SCRIPTS[CATS])
    key = "new KeyboardEvent('keydown', {key: 'Enter', isComposing: %s, bubbles: true})"
    page.evaluate(f"word.dispatchEvent({key % 'true'})")
    assert page.evaluate("told.textContent") == ""
    assert page.evaluate("offers.hidden") is False
    page.evaluate(f"word.dispatchEvent({key % 'false'})")
    assert page.evaluate("told.textContent").startswith(f"{CATS}: ")


def test_search_offers_a_few_words_the_same_first_and_says_when_there_is_none(
    folder: Path, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    page.click("word")
    page.type("WORD4")
    offered = page.evaluate("[...offers.children].map(e => e.textContent)")
    assert offered[0] == "word4"
    assert set(offered[1:]) <= {f"word4{digit}" for digit in range(10)}
    page.evaluate("word.select()")
    page.type("ord")
    assert page.evaluate("offers.children.length") == 10
    page.press("Escape")
    assert page.evaluate("offers.hidden") is True
    page.evaluate("word.select()")
    page.type("zebra")
    assert page.evaluate("offers.hidden") is True
    none = page.evaluate("document.getElementById('none-found').textContent")
    assert re.fullmatch(r"No such word among the \d+ that this page has\.", none)


def test_all_can_be_done_with_a_keyboard_alone(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html")
    focus = "(e => e.id || e.getAttribute('role') || e.tagName)(document.activeElement)"
    page.press("Tab")
    assert page.evaluate(focus) == "word"
    page.type("word1")
    page.press("ArrowDown", 2)
    active = page.evaluate("document.querySelector('#offers [aria-selected=true]').textContent")
    described = "document.getElementById(word.getAttribute('aria-activedescendant')).textContent"
    assert page.evaluate(described) == active
    page.press("Enter")
    assert page.evaluate("told.textContent").startswith(f"{active}: ")
    page.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "All words again"
    page.press("Enter")
    assert page.evaluate("told.textContent") == ""
    page.press("Tab")
    assert page.evaluate(focus) == "radio"
    order = sample.order.tolist()
    page.press("ArrowRight")
    assert page.evaluate(CHOSEN) == str(order[1])
    assert page.evaluate(f"{mark(str(order[1]))} === document.activeElement")
    page.press("End")
    assert page.evaluate(CHOSEN) == str(order[-1])
    page.press("ArrowDown")
    assert page.evaluate(CHOSEN) == str(order[0])
    page.press("Tab")
    assert page.evaluate(focus) == "SUMMARY"
    page.press("Enter")
    assert page.evaluate("document.getElementById('map-table').checkVisibility()") is True
    page.press("Tab", len(order) + 1)
    assert page.evaluate(focus) == "choose-topic"
    page.press("ArrowDown")
    assert page.evaluate(CHOSEN) == str(order[1])
    page.press("Tab")
    assert page.evaluate(focus) == "lambda"
    page.press("Tab")
    first = page.evaluate("document.activeElement.textContent")
    assert first == page.evaluate(SHOWN)[0]
    page.press(" ")
    assert page.evaluate("told.textContent").startswith(f"{first}: ")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_documents_have_titles_numbers_mixtures_and_words(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html", "#topic=2")
    rows = page.evaluate(
        "[...documents.tBodies[0].rows].map(row => [...row.cells].map(c => c.textContent))"
    )
    best = sample.best_documents(2, 10)
    for row, (name, mixture, words) in zip(best, rows, strict=True):
        number = int(sample.numbers[row])
        assert name == f"{number} Title {number} <b>"
        share = sample.mixtures[row, 2]
        assert f"2 {100 * share:.0f} %" in mixture or f"2 {100 * share:.1f} %" in mixture
        for id_ in sample.telling_words(2, row):
            assert label(WORDS[id_]) in words
    widths = page.evaluate(
        "[...documents.querySelectorAll('.mixture')].map(bar => bar.querySelector('.own')"
        ".getBoundingClientRect().width / bar.getBoundingClientRect().width)"
    )
    assert widths == pytest.approx(sample.mixtures[best, 2].tolist(), abs=0.03)


def test_a_topic_of_a_document_leads_to_that_topic(folder: Path, page: chromium.Page) -> None:
    see(page, folder / "report.html", "#topic=2")
    other = (
        "[...documents.querySelectorAll('.part button')].find(e => e.ariaLabel?.startsWith('Topic')"
        " && e.textContent !== '2')"
    )
    topic = page.evaluate(f"{other}.textContent")
    page.click(other)
    assert page.evaluate(CHOSEN) == topic
    assert page.evaluate("document.activeElement.id") == "chosen"


def test_a_link_that_was_sent_shows_the_same_choice(
    folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html", f"#topic=5&lambda=0.25&word={quote(CATS)}")
    assert page.evaluate(CHOSEN) == "5"
    assert page.evaluate(SHOWN) == expected(sample, 5, 0.25)
    assert page.evaluate("told.textContent").startswith(f"{CATS}: ")
    assert page.evaluate("lambda.value") == "0.25"
    assert (
        page.evaluate("document.getElementById('choose-topic').selectedOptions[0].text")[0] == "5"
    )


def test_a_link_within_the_page_is_followed(folder: Path, page: chromium.Page) -> None:
    see(page, folder / "report.html", "#topic=5")
    page.evaluate(f"location.hash = '#topic=3&lambda=1'; {event('hashchange')}")
    assert page.evaluate(CHOSEN) == "3"
    page.evaluate(f"window.seen = {event('hashchange')}; 0")
    page.click("document.querySelector('.topics a')")
    page.evaluate("seen")
    assert page.evaluate("document.querySelector(':target').tagName") == "ARTICLE"
    assert page.evaluate(CHOSEN) == "3"


@pytest.mark.parametrize(
    "fragment",
    [
        "#topic=99&lambda=7&word=none",
        "#topic=-1&lambda=NaN",
        "#topic=__proto__&word=__proto__",
        "#%E0%A4%A",
        "#topic=<img src=x onerror=alert(1)>",
    ],
)
def test_a_link_that_means_nothing_shows_the_page_as_it_opens(
    fragment: str, folder: Path, sample: Sample, page: chromium.Page
) -> None:
    see(page, folder / "report.html", fragment)
    assert page.evaluate(CHOSEN) == str(sample.order[0])
    assert page.evaluate("lambda.value") == "0.6"
    assert page.evaluate("told.textContent") == ""


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_word_is_its_label_and_no_more(
    word: str, folder: Path, page: chromium.Page
) -> None:
    see(page, folder / "report.html", "#topic=0")
    before = page.evaluate("document.querySelectorAll('*').length")
    assert label(word) in page.evaluate(SHOWN)
    page.click("word")
    page.type(word)
    page.press("Enter")
    found = page.evaluate("told.textContent")
    if len(word) <= 100:
        assert found.startswith(f"{word}: ")
        hash_ = page.evaluate("location.hash")
        see(page, folder / "report.html", hash_)
        assert page.evaluate("told.textContent") == found
        after = page.evaluate("document.querySelectorAll('*').length")
        assert after == before + 3  # the word twice, and the button that lets go of it
    assert page.evaluate("document.querySelectorAll('#explorer img, #explorer script').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == DESK
    assert page.evaluate("document.querySelectorAll('[onclick], [onerror]').length") == 0


def test_words_of_both_directions_keep_their_neighbours_in_place(
    folder: Path, page: chromium.Page
) -> None:
    """The commas and numbers beside a word from right to left stay on their sides."""
    see(page, folder / "report.html", "#topic=0")
    bare = page.evaluate(
        "[...document.querySelectorAll('#explorer *, .telling, .words, .bars .word')].filter(e =>"
        " e.closest('bdi, option, title') === null && [...e.childNodes].some(n =>"
        " n.nodeType === 3 && /[\\u0590-\\u05ff]/.test(n.data))).length"
    )
    assert bare == 0
    isolated = page.evaluate(
        "[...document.querySelectorAll('option, svg title')].map(e => e.textContent)"
    )
    for text in isolated:
        assert not re.search("(?<!\u2068)\u05e9", text)
        assert text.count("\u2068") == text.count("\u2069")


# --- two models


def test_two_models_share_the_map_with_matched_topics_joined(
    folder: Path, page: chromium.Page
) -> None:
    see(page, folder / "compare.html", "#model=B&topic=1")
    radii = page.evaluate(RADII)
    assert set(radii) == {*(f"A{number}" for number in range(8)), *(f"B{n}" for n in range(5))}
    assert page.evaluate("document.querySelectorAll('#map .joined').length") == 5
    moved = page.evaluate("moved.textContent")
    assert moved.startswith("Matched with A0, cosine 0.")
    assert "Gained from A to B" in moved
    heads = page.evaluate("[...words.tHead.rows[0].cells].map(e => e.textContent)")
    assert heads == ["Word", "Tokens", "In the topic", "In the corpus", "In A0"]
    page.click("moved.querySelector('button')")
    assert page.evaluate(CHOSEN) == "A0"
    assert page.evaluate("location.hash") == "#model=A&topic=0&lambda=0.6"
    assert page.evaluate("moved.textContent").startswith("Matched with B1, ")
    lines = (
        "[...document.querySelectorAll('#map .joined')].map(e => ['x1','y1','x2','y2'].map("
        "a => Number(e.getAttribute(a))))"
    )
    ends = [tuple(line) for line in page.evaluate(lines)]
    place = "(e => e.getAttribute('transform').match(/-?[\\d.]+/g).map(Number))"
    a0, b1 = (page.evaluate(f"{place}({mark(topic)})") for topic in ("A0", "B1"))
    assert (*a0, *b1) in ends


def test_a_topic_without_a_partner_says_so(folder: Path, page: chromium.Page) -> None:
    see(page, folder / "compare.html")
    text = html.unescape((folder / "compare.html").read_text(encoding="utf-8"))
    _, _, only = text.partition("Only in A</h2>")
    alone = re.findall(r"<li><b>(\d+)</b>", only)
    assert len(alone) == 3
    page.evaluate(f"location.hash = '#model=A&topic={alone[0]}'; {event('hashchange')}")
    assert page.evaluate("moved.textContent") == "No topic of the other model is matched with it."
    assert page.evaluate("words.tHead.rows[0].cells.length") == 4


# --- readers of other kinds


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["report.html", "compare.html"])
def test_a_screen_reader_finds_choices_tables_and_what_was_chosen(
    name: str, width: int, folder: Path, page: chromium.Page
) -> None:
    page.look(width=width)
    see(page, folder / name)
    page.evaluate("document.querySelector('details').open = true")
    nodes: list[dict[str, Any]] = [
        node for node in page.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]
    ]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    radios = [name for role, name in named if role == "radio"]
    assert len(radios) == (8 if name == "report.html" else 13)
    assert all(re.match(r"Topic [AB]?\d, [\d.]+ % of all words: ", name) for name in radios)
    for role, text in (
        ("radiogroup", "Map of the topics"),
        ("slider", "Relevance, λ"),
        ("combobox", "A topic"),
        ("heading", "Explore"),
    ):
        assert (role, text) in named
    assert any(role == "combobox" and text == "A word" for role, text in named)
    roles = [role for role, _ in named]
    assert roles.count("status") >= 2
    tables = page.evaluate("[...document.querySelectorAll('#explorer table')].length")
    static = 2
    assert roles.count("table") == tables + static
    rows = page.evaluate("document.querySelectorAll('#explorer tbody th[scope=row]').length")
    static_rows = page.evaluate(
        "document.querySelectorAll('section:not(.explorer) tbody th, header tbody th').length"
    )
    assert roles.count("rowheader") == rows + static_rows


def test_paper_shows_what_it_showed_without_the_explorer(folder: Path, page: chromium.Page) -> None:
    page.look(width=700, paper="print")
    see(page, folder / "report.html", "#topic=3")
    assert page.evaluate("explorer.checkVisibility()") is False
    printed = page.evaluate("document.body.innerText")
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(folder / "report.html")
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    assert page.evaluate("document.body.innerText") == printed
    page.look(width=DESK)


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", ["report.html", "compare.html"])
def test_without_scripts_it_is_the_page_that_reads(
    name: str, width: int, folder: Path, page: chromium.Page
) -> None:
    page.look(width=width)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(folder / name)
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    assert page.evaluate("explorer.checkVisibility()") is False
    assert "Explore" not in page.evaluate("document.body.innerText")
    first = "The topics" if name == "report.html" else "Topics of both"
    headings = "[...document.querySelectorAll('h2')].filter(e => e.checkVisibility())"
    assert page.evaluate(f"{headings}[0].textContent") == first
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_works_in_the_frame_of_a_notebook(folder: Path, page: chromium.Page) -> None:
    """Whose address can't be changed."""
    content = html.escape((folder / "report.html").read_text(encoding="utf-8"), quote=True)
    outer = folder / "notebook.html"
    outer.write_text(f'<meta charset="utf-8"><iframe width=900 height=700 srcdoc="{content}">')
    inner = "frames[0].document"
    see(page, outer, document=inner)
    topic = f"{inner}.querySelectorAll('#map .topic')[2]"
    page.evaluate(f"{topic}.dispatchEvent(new MouseEvent('click'))")
    assert page.evaluate(f"{topic}.ariaChecked") == "true"
    assert page.evaluate("frames[0].location.href") == "about:srcdoc"


@pytest.mark.parametrize("fault", ["words", "phi", "nothing"])
def test_a_page_whose_data_is_damaged_still_reads(
    fault: str, folder: Path, browser: chromium.Page
) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    start = text.index('id="explorer-data">') + len('id="explorer-data">')
    data = text[start : text.index("</script>", start)]
    damaged = "" if fault == "nothing" else data.replace(f'"{fault}":', '"gone":')
    (folder / "damaged.html").write_text(text.replace(data, damaged), encoding="utf-8")
    browser.look(width=DESK)
    browser.events.clear()
    browser.open(folder / "damaged.html")
    while not any(name == "Runtime.exceptionThrown" for name, _ in browser.events):
        browser.evaluate("new Promise(done => setTimeout(done))")
    assert browser.evaluate("explorer.hidden") is True
    assert "The topics" in browser.evaluate("document.body.innerText")
