"""The pages as a reader has them: on a desk, on a phone, in the dark, on paper."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import chromium
from tests.support.prepared_corpus import write_corpus
from topics.__main__ import main
from topics.model.archive import Model, save

from .explorer import see

pytestmark = pytest.mark.browser

LONG = "donaudampfschifffahrts" * 9
WORDS = [
    *(f"word{number}" for number in range(60)),
    "</style><script>document.title='run'</script>",
    "<img/src=x/onerror=document.title='run'>",
    '"onclick="x',
    "\u732b\u732b",
    LONG,
    "$x_{2}$",
]
PHONE, TABLET, DESK = 390, 820, 1280
PAGES = ("report.html", "compare.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both pages, of models that have the odd words among their first."""
    folder = tmp_path_factory.mktemp("pages")
    write_corpus(folder / "corpus", WORDS, documents=200)
    rng = np.random.default_rng(0)
    for name, topics in (("a", 14), ("b", 12)):
        beta = rng.dirichlet(np.full(len(WORDS), 0.2), topics)
        beta[0] = np.where(np.arange(len(WORDS)) < 60, 0.001, 1)
        beta /= beta.sum(axis=1, keepdims=True)
        save(Model(np.sort(rng.random(topics))[::-1] + 0.01, beta), folder / f"{name}.tar.gz")
    corpus = ["--prepared", str(folder / "corpus")]
    a, b = str(folder / "a.tar.gz"), str(folder / "b.tar.gz")
    assert main(["report", a, *corpus, "--html", str(folder / "report.html")]) == 0
    assert main(["compare", a, b, *corpus, "--html", str(folder / "compare.html")]) == 0
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    with chromium.running(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: chromium.Page) -> chromium.Page:
    browser.events.clear()
    return browser


# Of every element that has text of its own: its first letters, size, and contrast with what is
# behind it, by the Web Content Accessibility Guidelines 2.2, "contrast ratio".
TEXTS = """(() => {
  const shade = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92
    : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = shade(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3))
    .map(e => {
      const style = getComputedStyle(e);
      const [more, less] = [light(shade(style.color)), light(behind(e))].sort((a, b) => b - a);
      return {text: e.textContent.trim().slice(0, 30), size: parseFloat(style.fontSize),
              contrast: (more + 0.05) / (less + 0.05)};
    });
})()"""
CHARTS = """[...document.querySelectorAll('.chart')].map(e => ({shown: e.checkVisibility(),
  told: e.ariaLabel, width: e.getBoundingClientRect().width}))"""
# What sticks out of the window, or out of a card.
OVERFLOW = """[...document.querySelectorAll("body *")].filter(e => {
  const box = e.getBoundingClientRect();
  const card = e.closest("article")?.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1
    || card && box.right > card.right + 1);
}).map(e => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, TABLET, DESK])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_everywhere(
    name: str, width: int, dark: bool, folder: Path, page: chromium.Page
) -> None:
    page.look(width=width, dark=dark)
    see(page, folder / name)
    page.evaluate("document.querySelector('details').open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOW) == []
    texts = page.evaluate(TEXTS)
    assert len(texts) > 50
    assert [text for text in texts if text["size"] < 11] == []
    assert [text for text in texts if text["contrast"] < 4.5] == []
    charts = page.evaluate(CHARTS)
    assert len(charts) == (4 if name == "report.html" else 0)
    assert all(chart["shown"] and chart["width"] > 300 and chart["told"] for chart in charts)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_but_the_explorer_runs_and_nothing_is_fetched(
    name: str, folder: Path, page: chromium.Page
) -> None:
    page.look(width=DESK)
    see(page, folder / name)
    asked = [p["request"]["url"] for method, p in page.events if "requestWillBe" in method]
    assert asked[0] == (folder / name).as_uri()
    assert all(url.startswith("data:image/png") for url in asked[1:])
    told = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert [event for event in page.events if event[0] in told] == []
    assert page.evaluate("document.title") != "run"
    kinds = page.evaluate("[...document.scripts].map(script => script.type)")
    assert kinds == ["application/json", "module"]
    assert page.evaluate("document.querySelectorAll('[onclick], [onerror]').length") == 0
    body = page.evaluate("document.querySelector('main').textContent")
    assert "</style><script>document.title='run'</script>" in body


def test_charts_have_the_colours_of_the_page_and_paper_has_the_light_ones(
    folder: Path, page: chromium.Page
) -> None:
    colours = """[getComputedStyle(document.body).backgroundColor,
      getComputedStyle(document.querySelector('.chart rect.data')).fill,
      getComputedStyle(document.querySelector('.chart .full')).stopColor]"""
    looks: list[dict[str, Any]] = [{}, {"dark": True}, {"dark": True, "paper": "print"}]
    light, dark = "rgb(31, 95, 139)", "rgb(125, 180, 220)"
    expected = [
        ["rgb(251, 250, 247)", light, light],
        ["rgb(21, 23, 26)", dark, dark],
        ["rgb(255, 255, 255)", light, light],
    ]
    for look, wanted in zip(looks, expected, strict=True):
        page.look(width=DESK, **look)
        page.open(folder / "report.html")
        assert page.evaluate(colours) == wanted


def test_paper_cuts_no_card_and_no_figure(folder: Path, page: chromium.Page) -> None:
    page.look(width=DESK)
    page.open(folder / "report.html")
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf())
    assert 4 <= len(pages) <= 9
    page.look(width=700, paper="print")
    kept = "article, figure, tr"
    rule = f"new Set([...document.querySelectorAll('{kept}')].map(e => getComputedStyle(e)"
    assert page.evaluate(f"[...{rule}.breakInside))]") == ["avoid"]


def test_a_bar_is_as_long_as_its_word_is_probable(folder: Path, page: chromium.Page) -> None:
    page.look(width=PHONE)
    page.open(folder / "report.html")
    bars = page.evaluate(
        "[...document.querySelectorAll('#topic-3 .bars li')].map(li => ({"
        "width: li.querySelector('.bar').getBoundingClientRect().width,"
        "share: parseFloat(li.querySelector('.number').textContent)}))"
    )
    assert len(bars) == 10
    for bar in bars:
        assert bar["width"] / bars[0]["width"] == pytest.approx(
            bar["share"] / bars[0]["share"], abs=0.06
        )


def test_the_table_leads_to_each_topic(folder: Path, page: chromium.Page) -> None:
    page.look(width=DESK)
    page.open(folder / "report.html")
    link = "document.querySelectorAll('.topics a')[9]"
    page.evaluate(f"{link}.click()")
    topic = page.evaluate(f"{link}.textContent")
    assert page.evaluate("document.querySelector(':target').id") == f"topic-{topic}"


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_screen_reader_finds_headings_tables_and_pictures(
    width: int, folder: Path, page: chromium.Page
) -> None:
    """On a phone rows become blocks, and must still be rows of a table to those who listen."""
    page.look(width=width)
    page.open(folder / "report.html")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    told = [node for node in nodes if not node["ignored"]]
    roles = [node["role"]["value"] for node in told]
    assert roles.count("table") == 2
    assert roles.count("rowheader") == 14
    assert roles.count("columnheader") == 7 + 3
    images = [node["name"]["value"] for node in told if node["role"]["value"] == "image"]
    assert len(images) == 4
    assert images[0].startswith("Line: alpha falls from ")
    headings = [node["name"]["value"] for node in told if node["role"]["value"] == "heading"]
    assert headings[0] == "14 topics of 150 documents"
