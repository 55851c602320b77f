"""Open a page that has an explorer."""

from pathlib import Path

from tests.support.chromium import Page

_READY = """new Promise(done => {
  const look = () => %s.getElementById('explorer').hidden ? requestAnimationFrame(look) : done();
  look();
})"""


def see(page: Page, file: Path, fragment: str = "", *, document: str = "document") -> None:
    """Open a page, and wait until its explorer is shown, be it that of another document."""
    page.open(file, fragment)
    page.evaluate(_READY % document)
