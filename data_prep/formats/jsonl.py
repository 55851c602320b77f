"""Read JSON Lines: an object a line, with a document in one or several fields."""

import json
from collections.abc import Iterator
from pathlib import Path

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import decode, quote
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.textlines import numbered_lines


def _read(path: Path, name: str, options: ReadOptions, tally: Tally) -> Iterator[str]:
    """Yield a document for each line that is not blank."""
    for number, line in numbered_lines(path, name):
        if not line.strip():
            continue
        if not options.field:
            raise InputError(f"{name}: {_ask(line)}")
        try:
            yield _join(_parse(line, f"{name}:{number}"), options.field, f"{name}:{number}")
        except InputError as error:
            tally.skip(error)
            yield ""


def _ask(line: bytes) -> str:
    try:
        content = _parse(line, "")
    except InputError:
        content = None
    names = f"; there are {quote(', '.join(content))}" if isinstance(content, dict) else ""
    return f"JSON Lines need --field, the name of the text's field{names}"


def _parse(line: bytes, place: str) -> object:
    try:
        return json.loads(decode(line, place))
    except json.JSONDecodeError as error:
        raise InputError(f"{place}:{error.colno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{place}: not JSON: {error}") from None


def _join(content: object, fields: tuple[str, ...], place: str) -> str:
    texts = []
    for field in fields:
        found = content.get(field) if isinstance(content, dict) else None
        if not isinstance(found, str):
            shown = quote(json.dumps(content, ensure_ascii=False))
            raise InputError(f"{place}: {shown} must be an object with a text {field!r}")
        texts.append(found)
    return "\n".join(texts)


def _is_object(head: Head) -> bool:
    try:
        return isinstance(json.loads(head.lines[0]), dict)
    except (IndexError, ValueError, RecursionError):
        return False


FORMAT = Format(
    name="jsonl",
    description="JSON Lines, with --field",
    matches=lambda head: head.content.lstrip().startswith(b"{"),
    is_sound=_is_object,
    texts=_read,
)
