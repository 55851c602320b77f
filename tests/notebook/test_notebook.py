"""The notebook, executed from top to bottom on the embedded AWS, and the page it leaves."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws import instance
from tests.support import chromium
from tests.support.cloud import PROJECT, run

pytestmark = pytest.mark.notebook

PAGE = PROJECT / "build/lda_on_sagemaker.html"
IMAGES = """[...document.images].map(image => ({alt: image.alt, width: image.naturalWidth,
  fits: image.getBoundingClientRect().right <= innerWidth}))"""
ERRORS = "document.querySelectorAll('[data-mime-type*=error]').length"
TROUBLE = re.compile(r"Traceback|\w*Warning\b|\w+Error:|/root/|/home/")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `make notebook` prints with a small corpus, which is executed for this module."""
    folder = tmp_path_factory.mktemp("corpus")
    size = ("--documents", "300", "--words", "200", "--num-topics", "5")
    done = run(
        sys.executable, "-m", "data_prep", "sample", "--out", str(folder), *size, environment={}
    )
    assert done.returncode == 0, done.stdout
    PAGE.unlink(missing_ok=True)
    files = ("--corpus", str(folder / "corpus.txt"), "--vocab", str(folder / "vocab.txt"))
    done = run(sys.executable, "demo.py", "--notebook", *files, environment={}, seconds=900)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def page(said: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    with chromium.running(tmp_path_factory.mktemp("profile")) as page:
        page.look(width=1000)
        page.open(PAGE)
        yield page


def test_every_section_is_executed_and_nothing_is_left(said: str) -> None:
    sections = re.findall(r"^ *[\d.]+ s  (.+)$", said, re.MULTILINE)
    assert sections[0] == "Before we start"
    assert "Clean up" in sections
    assert "nothing is left" in said


def test_every_picture_is_there_and_described(page: chromium.Page) -> None:
    images: list[dict[str, Any]] = page.evaluate(IMAGES)
    assert len(images) == 8
    assert all(image["width"] > 300 and image["fits"] for image in images)
    assert all(len(image["alt"]) > 20 for image in images)
    assert not any("No description" in image["alt"] for image in images)


def test_no_cell_failed_or_warned(page: chromium.Page) -> None:
    assert page.evaluate(ERRORS) == 0
    outputs = page.evaluate(
        "[...document.querySelectorAll('.jp-OutputArea-output')].map(e => e.textContent)"
    )
    assert len(outputs) > 20
    assert [text for text in outputs if TROUBLE.search(text)] == []


def test_the_page_fetches_nothing(page: chromium.Page) -> None:
    asked = [p["request"]["url"] for method, p in page.events if "requestWillBe" in method]
    assert asked[0] == PAGE.as_uri()
    assert [url for url in asked[1:] if not url.startswith("data:")] == []


def test_the_endpoint_answers_like_the_library(page: chromium.Page) -> None:
    text = page.evaluate("document.body.textContent")
    (difference,) = re.findall(r"mean difference from .+: (\d\.\d+) of at most 2", text)
    assert float(difference) < 0.001
    assert re.search(r"\b10 of 10 topics are in both models", text)


def test_what_is_not_deployed_is_told_in_a_line_and_the_page_is_written(tmp_path: Path) -> None:
    with instance.running() as started:
        done = run(
            *(sys.executable, "-m", "notebooks", "--out", str(tmp_path / "page.html")),
            environment=started.environment(),
        )
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("notebooks: What was deployed: RuntimeError: ")
    assert done.stdout.endswith("does not exist; deploy first: make deploy ENV=dev\n")
    assert "Traceback" not in done.stdout
    assert "does not exist" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--env", "nosuch"], "env is 'nosuch'; cdk.json's context.environments declares: "),
        (["--corpus", "a"], "give both --corpus and --vocab, or neither"),
    ],
)
def test_wrong_use_is_told_before_anything_is_executed(options: list[str], problem: str) -> None:
    done = run(sys.executable, "-m", "notebooks", *options, environment={})
    assert (done.returncode, done.stdout.count("\n")) == (2, 1)
    assert problem in done.stdout
