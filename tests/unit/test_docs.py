"""The pages that people read."""

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", "*.md"], cwd=PROJECT, capture_output=True, check=True
    )
    return [PROJECT / name for name in listed.stdout.decode().split("\0") if name]


def links(page: Path) -> set[Path]:
    return {(page.parent / link).resolve() for link in LINK.findall(page.read_text("utf-8"))}


def test_every_link_leads_somewhere() -> None:
    assert [(page, link) for page in pages() for link in links(page) if not link.exists()] == []


def test_the_index_has_every_page() -> None:
    index = PROJECT / "docs/README.md"
    ours = {page for page in pages() if page.parent == index.parent} - {index}
    assert ours - links(index) == set()


def test_contributing_names_files_and_folders_that_are_there() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text("utf-8").partition("## The house")[0]
    named = {name for name in re.findall(r"`([\w./-]+)`", text) if "/" in name}
    assert "topics/lda/" in named
    assert [name for name in named if not (PROJECT / name).exists()] == []
