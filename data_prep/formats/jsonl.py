"""Read JSON Lines: an object a line, with a document in one or several fields."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import decode, quote
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.textlines import NUMBER, numbered_lines

_OBJECT = re.compile(rb'\{\s*"')


def _read(path: Path, name: str, options: ReadOptions, tally: Tally) -> Iterator[str]:
    """Yield a document for each line that is not blank."""
    _refuse_numbers(path, name, options.field)
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


def _refuse_numbers(path: Path, name: str, fields: tuple[str, ...]) -> None:
    """Reject a field that has numbers instead of text, or ids and counts would become words."""
    texts = []
    for line in Head.read(path).lines if fields else ():
        with suppress(InputError):
            texts.append(_join(_parse(line, ""), fields, ""))
    words = " ".join(texts).split()
    if len(texts) > 1 and words and all(map(NUMBER.fullmatch, words)):
        raise InputError(f"{name}: there are numbers, not text, in {quote(', '.join(fields))}")


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
        raise InputError(
            f"{place}:{error.colno}: not JSON: {error.msg}; each line must be a whole object, as "
            "jq -c writes it"
        ) from None
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
    matches=lambda head: head.content.lstrip().startswith(b"{") or head.mostly(_OBJECT),
    is_sound=_is_object,
    texts=_read,
)
