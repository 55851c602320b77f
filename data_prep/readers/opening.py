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
# What gzip may unpack to: counts and texts become 3 to 10 times as large, a bomb 1000 times.
_UNPACKED_BYTES = 1 << 30
_UNPACKED_TIMES = 100
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
        CorpusError: There is no corpus, or no vocabulary for it. At the end: its file has changed.
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
    with _source(path) as stream:
        packed = stream.peek(2).startswith(_GZIP)
        if path.is_file() and not packed:
            with _unchanged(path, name):
                yield path
            return
        with tempfile.NamedTemporaryFile(prefix="data_prep-") as spool:
            if packed:
                _unpack(stream, spool, name)
            else:
                _copy(stream, spool, name)
            spool.flush()
            yield Path(spool.name)


def _source(path: Path) -> BufferedReader:
    if path != STANDARD_INPUT:
        return path.open("rb")
    if sys.stdin is None:  # as after `<&-`
        raise CorpusError("standard input is closed; name a file, or give it a corpus")
    return cast(BufferedReader, sys.stdin.buffer)


@contextmanager
def _unchanged(path: Path, name: str) -> Iterator[None]:
    """Check at the end that a file is as it was, which explains whatever was wrong with it."""
    before = _state(path)
    try:
        yield
    except Exception:
        if _state(path) == before:
            raise
    if _state(path) != before:
        raise CorpusError(f"{name}: the file was changed while it was read; start again") from None


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _copy(source: IO[bytes], target: IO[bytes], name: str) -> None:
    with Progress(f"reading {name}") as progress:
        while chunk := source.read(_COPY_BYTES):
            target.write(chunk)
            progress.advance(len(chunk))


def _unpack(source: IO[bytes], target: IO[bytes], name: str) -> None:
    packed = _Counting(source)
    unpacked = 0
    try:
        with (
            Progress(f"reading {name}") as progress,
            GzipFile(fileobj=cast(IO[bytes], packed)) as content,
        ):
            while chunk := content.read(_COPY_BYTES):
                unpacked += len(chunk)
                if unpacked > max(_UNPACKED_BYTES, _UNPACKED_TIMES * packed.bytes):
                    raise CorpusError(
                        f"{name}: {packed.bytes:,} bytes of gzip unpack to more than "
                        f"{unpacked:,}, which no corpus does; if it is one, unpack it first"
                    )
                target.write(chunk)
                progress.advance(len(chunk))
    except (EOFError, zlib.error, BadGzipFile) as error:
        raise CorpusError(f"{name}: not a whole gzip file: {error}") from None


class _Counting:
    """Counts the bytes that are read of a stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Read as the stream does."""
        content = self._stream.read(size)
        self.bytes += len(content)
        return content
