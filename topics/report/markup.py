"""HTML that can't be injected into: text is escaped where it is put in, not where it comes from."""

from html import escape
from pathlib import Path

_VOID = {"img", "meta"}
_STYLE = Path(__file__).with_name("style.css")
# Whatever gets in all the same can't run and can't call out.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str) -> Html:
    """Return an element.

    Args:
        name: Of the element.
        content: What is in it; escaped unless it is `Html`.
        attributes: Escaped. An underscore at the end of a name is dropped, and one inside is a
            hyphen: `class_`, `aria_label`.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(*content)}</{name}>")


def join(*content: str) -> Html:
    """Return what is given, one after the other; escaped unless it is `Html`."""
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in content))


def page(title: str, *content: str) -> str:
    """Return a whole document that needs nothing but itself."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(_STYLE.read_text(encoding="utf-8"))),
    )
    document = tag("html", head, tag("body", tag("main", *content)), lang="en")
    return f"<!doctype html>\n{document}\n"
