"""Open a corpus of any format: a file, a folder, standard input; also in gzip."""

import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from gzip import BadGzipFile, GzipFile
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from data_prep.corpus import Corpus, CorpusError
from data_prep.progress import Progress
from data_prep.readers.lines import BYTE_ORDER_MARK
from data_prep.readers.npz import Npz
from data_prep.readers.pairs import Pairs
from data_prep.readers.rawtext import read_texts
from data_prep.readers.reading import Reading
from data_prep.readers.triples import Triples
from data_prep.vocabulary import read_vocabulary

STANDARD_INPUT = Path("-")
TEXT_FORMATS = ("text", "folder", "jsonl", "csv")

_READERS: dict[str, Callable[[Path, str, int, int | None], Corpus]] = {
    "pairs": Pairs.open,
    "docword": Triples.open_docword,
    "mtx": Triples.open_matrix_market,
    "npz": Npz.open,
}
FORMATS = (*_READERS, *TEXT_FORMATS)

_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 1 << 16
_COPY_BYTES = 1 << 20
_PAIR = re.compile(rb"\s*(-?\d+:\S*|\S+:-?\d+)(,|\s*$)")


@contextmanager
def open_corpus(
    path: Path, vocabulary: Path | None, reading: Reading
) -> Iterator[tuple[list[str], Corpus]]:
    """Open a corpus; what standard input or gzip gives is kept in a temporary file meanwhile.

    Args:
        path: A file, a folder, or `STANDARD_INPUT`.
        vocabulary: A word a line; None to make it of the words of raw text.
        reading: Options.

    Yields:
        The vocabulary and the documents.

    Raises:
        CorpusError: There is no corpus, or no vocabulary for it.
    """
    with ExitStack() as stack:
        name = "standard input" if path == STANDARD_INPUT else str(path)
        try:
            plain = path if path.is_dir() else stack.enter_context(_plain_file(path, name))
            opened = _open_plain(plain, name, vocabulary, reading)
        except OSError as error:
            raise CorpusError(f"{name}: {error.strerror or error}") from None
        yield opened


def _open_plain(
    path: Path, name: str, vocabulary: Path | None, reading: Reading
) -> tuple[list[str], Corpus]:
    chosen = reading.format or _detect(path, reading)
    words = None if vocabulary is None else read_vocabulary(vocabulary)
    _refuse_idle_options(chosen, name, words, reading)
    if chosen in TEXT_FORMATS:
        made, texts = read_texts(path, name, chosen, words, reading)
        guessed = chosen == "text" and reading.format is None
        if texts.counts.documents.size or words is None or not guessed:
            return made, texts
        chosen = "pairs"  # which a text without any word of the vocabulary must be meant to be
    if words is None:
        raise CorpusError(f"{name}: a corpus of the format {chosen} needs --vocab")
    return words, _READERS[chosen](path, name, len(words), reading.limit)


def _refuse_idle_options(chosen: str, name: str, words: list[str] | None, reading: Reading) -> None:
    """Refuse what would else be taken for done."""
    for option in ("stop_words", "min_df", "max_df", "max_words"):
        if getattr(reading, option) == getattr(Reading, option):
            continue
        flag = f"--{option.replace('_', '-')}"
        if chosen not in TEXT_FORMATS:
            raise CorpusError(f"{name}: {flag} is for raw text, and the format is {chosen}")
        if words is not None and option != "stop_words":
            raise CorpusError(f"{name}: {flag} chooses words, and --vocab has chosen them")


def _detect(path: Path, reading: Reading) -> str:
    """Tell the format from the options that only one has, or from the first bytes."""
    if path.is_dir():
        return "folder"
    if reading.field is not None:
        return "jsonl"
    if reading.column is not None:
        return "csv"
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES).removeprefix(BYTE_ORDER_MARK)
    if head.startswith(b"PK\x03\x04"):
        return "npz"
    if head.startswith(b"%%MatrixMarket"):
        return "mtx"
    lines = [line.strip() for line in head.split(b"\n")]
    if len(lines) > 2 and all(line.isdigit() for line in lines[:3]):
        return "docword"
    if not any(lines) or any(map(_PAIR.match, lines)):
        return "pairs"
    return "jsonl" if lines[0].startswith(b"{") else "text"


@contextmanager
def _plain_file(path: Path, name: str) -> Iterator[Path]:
    """Yield a path to the content that can be read from any position."""
    with sys.stdin.buffer if path == STANDARD_INPUT else path.open("rb") as stream:
        packed = cast(BufferedReader, stream).peek(2).startswith(_GZIP)
        if path.is_file() and not packed:
            yield path
            return
        with tempfile.NamedTemporaryFile(prefix="data_prep-") as spool:
            _copy(GzipFile(fileobj=stream) if packed else stream, spool, name)
            yield Path(spool.name)


def _copy(source: GzipFile | IO[bytes], target: IO[bytes], name: str) -> None:
    try:
        with Progress(f"reading {name}") as progress:
            while chunk := source.read(_COPY_BYTES):
                target.write(chunk)
                progress.advance(len(chunk))
    except (EOFError, zlib.error, BadGzipFile) as error:
        raise CorpusError(f"{name}: not a whole gzip file: {error}") from None
    target.flush()
