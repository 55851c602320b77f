"""Read and write a vocabulary: a word a line."""

from pathlib import Path

from data_prep.corpus import CorpusError
from data_prep.readers.lines import BLANKS, BYTE_ORDER_MARK, decode, quote

MAX_VOCABULARY_BYTES = 1 << 28


def read_vocabulary(path: Path) -> list[str]:
    """Read a vocabulary file: UTF-8, one word a line; the word of id i is at position i - 1.

    Raises:
        CorpusError: The file can't be read or is empty, or a line is blank, not UTF-8, has a line
            break that is not a newline, or repeats a word.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_VOCABULARY_BYTES + 1)
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from None
    if len(content) > MAX_VOCABULARY_BYTES:
        raise CorpusError(f"{path}: a vocabulary has at most {MAX_VOCABULARY_BYTES} bytes")
    content = content.removeprefix(BYTE_ORDER_MARK).rstrip(BLANKS.encode())
    if not content:
        raise CorpusError(f"{path}: the file is empty, must be one word a line")
    words = _split(content)
    return _read_lines(content, path) if words is None else words


def _split(content: bytes) -> list[str] | None:
    """Split at newlines, all at once; None when anything looks unusual."""
    try:
        words = content.decode().split("\n")
    except UnicodeDecodeError:
        return None
    usual = words == content.decode().split() and len(set(words)) == len(words)
    return words if usual else None


def _read_lines(content: bytes, path: Path) -> list[str]:
    """Read lines one by one: takes blanks around and inside words, and knows where an error is."""
    seen: dict[str, int] = {}
    for number, line in enumerate(content.split(b"\n"), 1):
        place = f"{path}:{number}"
        word = decode(line, place).strip()
        if not word:
            raise CorpusError(f"{place}: the line is blank, must be a word")
        if len(word.splitlines()) > 1:
            raise CorpusError(f"{place}: the word {quote(word)} contains a line break")
        if word in seen:
            raise CorpusError(f"{place}: the word {quote(word)} is on line {seen[word]} already")
        seen[word] = number
    return list(seen)
