"""Read a sparse matrix of documents x words that SciPy's `save_npz` wrote."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from data_prep.corpus import CorpusError, Entries, Log, Piece
from data_prep.counts import MAX_COUNT, Counts
from data_prep.readers.entries import check_shape, group

_BLOCK = 1 << 15  # elements of the arrays read at once
_MAX_SIDE = (1 << 31) - 1
_LAYOUTS = ("csr", "csc", "coo")

# What `zipfile` and NumPy raise when bytes are not what they should be.
_BROKEN = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Npz:
    """A sparse matrix in compressed rows, compressed columns or coordinates."""

    path: Path
    name: str
    vocabulary_size: int
    layout: str
    rows: int
    nonzeros: int
    documents: int

    @classmethod
    def open(cls, path: Path, name: str, vocabulary_size: int, limit: int | None = None) -> Self:
        """Open a file for its first `limit` rows, by default all; errors call it `name`.

        Raises:
            CorpusError: There is no sparse matrix, or one of another layout or shape.
        """
        with _open_archive(path, name) as member:
            layout = bytes(member("format", 0).read(1)).replace(b"\0", b"").decode()
            shape = member("shape", 1).read(3).tolist()
            nonzeros = member("data", 1).size
            if layout not in _LAYOUTS:
                raise ValueError(f"the layout {layout!r} must be one of {', '.join(_LAYOUTS)}")
            if len(shape) != 2 or not all(
                isinstance(side, int) and 0 < side <= _MAX_SIDE for side in shape
            ):
                raise ValueError(f"the shape {shape} must be documents x words")
        rows, words = shape
        check_shape(name, rows, words, vocabulary_size)
        documents = rows if limit is None else min(limit, rows)
        return cls(path, name, vocabulary_size, layout, rows, nonzeros, documents)

    @property
    def promised(self) -> int | None:
        """The number of non-zeros, unless reading stops at a limit."""
        return self.nonzeros if self.documents == self.rows else None

    @property
    def pieces(self) -> list[Piece]:
        """One: a compressed archive can't be entered in the middle."""
        return [Piece(0, self.nonzeros, 0, self.documents)]

    def read(self, piece: Piece, log: Log) -> Iterator[Counts]:
        """Yield the documents, as `Corpus.read`."""
        return group(self.entries(log), piece, self.documents, self.vocabulary_size, self.name)

    def entries(self, log: Log) -> Iterator[Entries]:
        """Yield the entries in the order of the file, as `Sortable.entries`."""
        with _open_archive(self.path, self.name) as member:
            data = member("data", 1)
            if self.layout == "coo":
                major: _Member | _Expanded = member("row", 1)
                minor = member("col", 1)
            else:
                side = self.rows if self.layout == "csr" else self.vocabulary_size
                major = _Expanded(member("indptr", 1), side, self.nonzeros)
                minor = member("indices", 1)
            while (counts := data.read(_BLOCK)).size:
                documents, ids = major.read(counts.size), minor.read(counts.size)
                if self.layout == "csc":
                    documents, ids = ids, documents
                log.entries += counts.size
                yield self._check(documents, ids, counts)

    def _check(self, documents: NDArray[Any], ids: NDArray[Any], counts: NDArray[Any]) -> Entries:
        if not documents.size == ids.size == counts.size:
            raise ValueError("its arrays are of different sizes")
        for label, numbers, limit in (
            ("row", documents, self.rows),
            ("column", ids, self.vocabulary_size),
        ):
            if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= limit:
                raise ValueError(f"a {label} index is not a whole number from 0 to {limit - 1}")
        if counts.dtype.kind not in "iufb":
            raise ValueError(f"the counts are of the type {counts.dtype}")
        good = (counts >= 1) & (counts <= MAX_COUNT) & (counts % 1 == 0)
        if not good.all():
            at = np.flatnonzero(~good)[0]
            raise CorpusError(
                f"{self.name}: document {documents[at] + 1}, word id {ids[at] + 1}: "
                f"count {counts[at]} must be a whole number from 1 to {MAX_COUNT}"
            )
        return np.stack([each.astype(np.int32) for each in (documents, ids, counts)])


class _Member:
    """An array of the archive, read from its start to its end."""

    def __init__(self, stream: IO[bytes], array: str, axes: int, stored: int) -> None:
        self._stream = stream
        version = npy.read_magic(self._stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, self._dtype = read_header(self._stream)
        if len(shape) != axes or self._dtype.hasobject or not self._dtype.itemsize:
            raise ValueError(f"the array {array} has the shape {shape} and type {self._dtype}")
        self.size = shape[0] if shape else 1
        if self.size * self._dtype.itemsize > stored:
            raise ValueError(f"the array {array} says {self.size} elements, in {stored} bytes")

    def read(self, limit: int) -> NDArray[Any]:
        """Return the next `limit` elements, fewer only at the end."""
        wanted = limit * self._dtype.itemsize
        content = b""
        while len(content) < wanted and (more := self._stream.read(wanted - len(content))):
            content += more
        return np.frombuffer(content, self._dtype)


class _Expanded:
    """For each entry the row it is in, from the bounds of the rows."""

    def __init__(self, bounds: _Member, rows: int, entries: int) -> None:
        if bounds.size != rows + 1 or bounds.read(1) != 0:
            raise ValueError("the array indptr does not fit the shape")
        self._bounds = bounds
        self._entries = entries
        self._ends = np.zeros(0, np.int64)  # of the rows from `_row` on
        self._row = self._at = 0

    def read(self, limit: int) -> NDArray[np.int64]:
        """Return the rows of the next `limit` entries."""
        stop = self._at + limit
        while not self._ends.size or self._ends[-1] < stop:
            more = self._bounds.read(_BLOCK)
            last = self._ends[-1] if self._ends.size else self._at
            if not more.size or (np.diff(more, prepend=last) < 0).any() or more[-1] > self._entries:
                raise ValueError("the array indptr does not ascend to the number of entries")
            self._ends = np.concatenate((self._ends, more))
        rows = np.searchsorted(self._ends, np.arange(self._at, stop), side="right") + self._row
        done = int(np.searchsorted(self._ends, stop, side="right"))
        self._ends, self._row, self._at = self._ends[done:], self._row + done, stop
        return rows


@contextmanager
def _open_archive(path: Path, name: str) -> Iterator[Callable[[str, int], _Member]]:
    """Yield what opens an array of an archive; tell of anything wrong as a `CorpusError`."""
    try:
        with zipfile.ZipFile(path) as archive, ExitStack() as stack:

            def member(array: str, axes: int) -> _Member:
                found = archive.getinfo(f"{array}.npy")
                return _Member(
                    stack.enter_context(archive.open(found)), array, axes, found.file_size
                )

            yield member
    except CorpusError:
        raise
    except KeyError as error:
        raise CorpusError(f"{name}: not a sparse matrix of SciPy: {error.args[0]}") from None
    except _BROKEN as error:
        raise CorpusError(f"{name}: not a sparse matrix of SciPy: {error}") from None
