"""Write pages from the templates beside this file.

Templates escape every text, so that no word of a corpus becomes markup. A page is one file. Its
policy forbids scripts and requests, in case something gets in nevertheless.
"""

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.files import replacing

if TYPE_CHECKING:
    from jinja2 import Environment

MINUS = "\N{MINUS SIGN}"
_NONE = "\N{EN DASH}"


def decimal(value: float | None, places: int) -> str:
    """Return a number with a true minus sign; a dash if there is none."""
    if value is None or math.isnan(value):
        return _NONE
    return f"{value:.{places}f}".replace("-", MINUS)


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def write_page(file: Path, template: str, **values: Any) -> None:
    """Write the page that a template makes of values."""
    content = _environment().get_template(template).render(values)
    with replacing(file) as stream:
        stream.write(content.encode())


@cache
def _environment() -> "Environment":
    from jinja2 import (
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )  # here: most commands write none

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"decimal": decimal, "percent": percent}
    return environment
