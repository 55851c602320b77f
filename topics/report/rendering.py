"""Write pages from the templates beside this file.

Templates escape every text, so that no word of a corpus becomes markup. A page is one file. Its
policy forbids requests, and all scripts but that of the explorer, in case something gets in
nevertheless.
"""

import base64
import hashlib
import math
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.printable import printable
from data_prep.files import replacing

if TYPE_CHECKING:
    from jinja2 import Environment

MINUS = "\N{MINUS SIGN}"
_NONE = "\N{EN DASH}"
_TEMPLATES = Path(__file__).with_name("templates")
# In the order of their imports.
_SCRIPTS = ("data", "elements", "map", "topic", "search", "main")
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def decimal(value: float | None, places: int) -> str:
    """Return a number with a true minus sign; a dash if there is none."""
    if value is None or math.isnan(value):
        return _NONE
    return f"{value:.{places}f}".replace("-", MINUS)


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


@cache
def script() -> str:
    """Return the script of the explorer: its modules as one, without imports and exports."""
    files = [_TEMPLATES / "explorer" / f"{name}.js" for name in _SCRIPTS]
    modules = (_IMPORT.sub("", file.read_text(encoding="utf-8")) for file in files)
    return _EXPORT.sub("", "".join(modules))


def write_page(file: Path, template: str, *, explorer: str, **values: Any) -> None:
    """Write the page that a template makes of values.

    Args:
        file: The file to write.
        template: The name of the template.
        explorer: The data of the explorer, as JSON that may stand in a script element.
        values: What else the template needs.
    """
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    values |= {"explorer": explorer, "script": script(), "script_digest": f"sha256-{digest}"}
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
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.filters |= {"decimal": decimal, "percent": percent}
    return environment


def _shown(value: Any) -> Any:
    """Return what a template puts out, without control characters; markup has none."""
    return printable(value) if type(value) is str else value
