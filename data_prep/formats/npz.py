"""Read a matrix of documents x words that SciPy's `save_npz` or NumPy's `save` wrote.

SciPy's own reader is not used: it trusts the sizes that a file claims, and reads all at once. Here
memory is bounded by what the file has, and a large matrix is read in blocks.
"""

import math
import os
import re
import tokenize
import warnings
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

from data_prep.corpus import Entries, Span, Tally
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.formats.entries import check_shape, group, whole_counts
from data_prep.formats.format import Format
from data_prep.formats.read_options import DEFAULTS, ReadOptions

_BLOCK = 1 << 15  # elements of the arrays read at once
_MAX_DENSE_BLOCK = 1 << 22  # elements of a dense block within a sparse matrix
_MAX_SIDE = (1 << 31) - 1
_LAYOUTS = ("csr", "csc", "coo", "bsr", "dia")
_MAGIC = npy.MAGIC_PREFIX
_ZIP = re.compile(rb"PK\x03\x04.{26}.{1,99}?\.npy", re.DOTALL)  # the first member is an array

_Chunk = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""Document numbers and word numbers, which may be out of range, and counts."""

# The errors of `zipfile` and NumPy for damaged files.
_BROKEN = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    IndexError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Npz:
    """A matrix in an archive of arrays, or one array in a `.npy` file.

    Attributes:
        path: The file.
        name: The name that errors use.
        vocabulary_size: The number of words.
        layout: One of SciPy's layouts, or `dense`.
        rows: The number of rows.
        size: The number of elements that are stored, zeros included.
        documents: The number of rows to read.
    """

    path: Path
    name: str
    vocabulary_size: int
    layout: str
    rows: int
    size: int
    documents: int

    @classmethod
    def open(
        cls,
        path: Path,
        name: str,
        vocabulary_size: int | None,
        options: ReadOptions = DEFAULTS,
    ) -> Self:
        """Open a file; errors call it `name`. Without a size, the matrix gives it.

        Raises:
            InputError: There is no matrix, or it has another layout or shape.
        """
        with _open_arrays(path, name) as arrays:
            layout = "dense"
            if "format" in arrays.names:
                layout = bytes(arrays.open("format", 0).read(1)).replace(b"\0", b"").decode()
                if layout not in _LAYOUTS:
                    raise ValueError(f"the layout {layout!r} must be one of {', '.join(_LAYOUTS)}")
                shape = tuple(arrays.open("shape", 1).read(3).tolist())
                size = arrays.open("data", *_DATA_AXES.get(layout, (1,))).size
            else:
                dense = arrays.open_only()
                shape, size = dense.shape, dense.size
            if len(shape) != 2 or not all(
                isinstance(side, int) and 0 < side <= _MAX_SIDE for side in shape
            ):
                raise ValueError(f"the shape {list(shape)} must be documents x words")
        rows, words = shape
        check_shape(name, rows, words, words if vocabulary_size is None else vocabulary_size)
        documents = rows if options.limit is None else min(options.limit, rows)
        return cls(path, name, words, layout, rows, size, documents)

    @property
    def promised(self) -> int | None:
        """The number of elements; None if reading stops at a limit."""
        return self.size if self.documents == self.rows else None

    @property
    def spans(self) -> list[Span]:
        """One: a compressed archive can't be entered in the middle."""
        return [Span(0, self.size, 0, self.documents)]

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents, as `Corpus.read`."""
        return group(self.entries(tally), span, self.documents, self.vocabulary_size, self.name)

    def entries(self, tally: Tally) -> Iterator[Entries]:
        """Yield the entries in the order of the file, as `Sortable.entries`."""
        with _open_arrays(self.path, self.name) as arrays:
            for documents, ids, counts in _CHUNKS[self.layout](self, arrays):
                tally.entries += counts.size
                entries = self._check(documents, ids, counts)
                if entries.size:
                    yield entries

    def _check(self, documents: NDArray[Any], ids: NDArray[Any], counts: NDArray[Any]) -> Entries:
        if not documents.size == ids.size == counts.size:
            raise ValueError("its arrays are of different sizes")
        for label, numbers, limit in (
            ("row", documents, self.rows),
            ("column", ids, self.vocabulary_size),
        ):
            if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= limit:
                raise ValueError(f"a {label} index is not a whole number from 0 to {limit - 1}")
        return whole_counts(documents, ids, counts, self.name)


class _Member:
    """An array of the archive, read from start to end."""

    def __init__(self, stream: IO[bytes], array: str, stored: int) -> None:
        self._stream = stream
        version = npy.read_magic(self._stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about files from Python 2
            self.shape, self.by_columns, self.dtype = read_header(self._stream)
        if self.dtype.hasobject:
            raise ValueError(
                f"the array {array} has the shape {self.shape} and type object, which is a pickle;"
                " write the matrix with scipy.sparse.save_npz"
            )
        if not self.dtype.itemsize:
            raise ValueError(f"the array {array} has the type {self.dtype}")
        self.size = math.prod(self.shape)
        if self.size * self.dtype.itemsize > stored:
            raise ValueError(f"the array {array} says {self.size} elements, in {stored} bytes")

    def read(self, limit: int) -> NDArray[Any]:
        """Return the next `limit` elements, fewer only at the end."""
        wanted = limit * self.dtype.itemsize
        content = b""
        while len(content) < wanted and (more := self._stream.read(wanted - len(content))):
            content += more
        return np.frombuffer(content, self.dtype)

    def read_all(self) -> Iterator[NDArray[Any]]:
        """Yield all elements, some at a time."""
        while (elements := self.read(_BLOCK)).size:
            yield elements


class _Expanded:
    """Gives the row of each entry, from the bounds of the rows."""

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


class _Arrays:
    """The arrays of a file, by their names; a `.npy` file has one without a name."""

    def __init__(self, stack: ExitStack, path: Path) -> None:
        self._stack = stack
        self._stream = stack.enter_context(path.open("rb"))
        alone = self._stream.read(len(_MAGIC)) == _MAGIC
        self._archive = None if alone else stack.enter_context(zipfile.ZipFile(path))
        files = self._archive.namelist() if self._archive else [".npy"]
        self.names = [file.removesuffix(".npy") for file in files]

    def open(self, array: str, *axes: int) -> _Member:
        """Open an array that has one of these numbers of axes."""
        if self._archive is None:
            self._stream.seek(0)
            stored = os.fstat(self._stream.fileno()).st_size
            member = _Member(self._stream, array, stored)
        else:
            found = self._archive.getinfo(f"{array}.npy")
            stream = self._stack.enter_context(self._archive.open(found))
            member = _Member(stream, array, found.file_size)
        if len(member.shape) not in axes:
            raise ValueError(
                f"the array {array} has the shape {member.shape} and type {member.dtype}"
            )
        return member

    def open_only(self) -> _Member:
        """Open the only array."""
        if len(self.names) != 1:
            raise ValueError(
                f"it holds {', '.join(self.names[:5]) or 'nothing'}, must hold what "
                "scipy.sparse.save_npz writes, or one array"
            )
        return self.open(self.names[0], 0, 1, 2, 3)


def _coordinates(_: Npz, arrays: _Arrays) -> Iterator[_Chunk]:
    rows, columns = arrays.open("row", 1), arrays.open("col", 1)
    for counts in arrays.open("data", 1).read_all():
        yield rows.read(counts.size), columns.read(counts.size), counts


def _compressed(matrix: Npz, arrays: _Arrays) -> Iterator[_Chunk]:
    """Rows of entries, or columns of entries."""
    by_rows = matrix.layout == "csr"
    side = matrix.rows if by_rows else matrix.vocabulary_size
    major = _Expanded(arrays.open("indptr", 1), side, matrix.size)
    minor = arrays.open("indices", 1)
    for counts in arrays.open("data", 1).read_all():
        pair = major.read(counts.size), minor.read(counts.size)
        yield *(pair if by_rows else pair[::-1]), counts


def _block_rows(matrix: Npz, arrays: _Arrays) -> Iterator[_Chunk]:
    """Compressed rows of dense blocks."""
    data = arrays.open("data", 3)
    blocks, height, width = data.shape
    area = height * width
    if data.by_columns or not 0 < area <= _MAX_DENSE_BLOCK or matrix.rows % height:
        raise ValueError(f"the array data has the shape {data.shape}, by columns or too large")
    rows = _Expanded(arrays.open("indptr", 1), matrix.rows // height, blocks)
    columns = arrays.open("indices", 1)
    at_once = max(1, _BLOCK // area)
    while (counts := data.read(at_once * area)).size:
        number = -(-counts.size // area)
        block = columns.read(number)
        if block.dtype.kind not in "iu":
            raise ValueError("a column index is not a whole number")
        row = np.repeat(rows.read(number) * height, area)
        column = np.repeat(block.astype(np.int64) * width, area)
        within = np.arange(number * area) % area
        yield row + within // width, column + within % width, counts


def _diagonals(matrix: Npz, arrays: _Arrays) -> Iterator[_Chunk]:
    """Diagonals, each as long as the array is wide; parts may lie outside the matrix."""
    data = arrays.open("data", 2)
    diagonals, width = data.shape
    offsets = arrays.open("offsets", 1)
    if data.by_columns or offsets.shape != (diagonals,):
        raise ValueError(
            f"the array data has the shape {data.shape}, by columns or of another size"
        )
    for _ in range(diagonals):
        offset = int(offsets.read(1)[0])
        for start in range(0, width, _BLOCK):
            counts = data.read(min(_BLOCK, width - start))
            columns = np.arange(start, start + counts.size)
            rows = columns - offset
            inside = (rows >= 0) & (rows < matrix.rows) & (columns < matrix.vocabulary_size)
            # Elements outside the matrix mean nothing, but are counted: the file promises them.
            rows, columns, counts = (np.where(inside, each, 0) for each in (rows, columns, counts))
            yield rows, columns, counts


def _dense(matrix: Npz, arrays: _Arrays) -> Iterator[_Chunk]:
    member = arrays.open_only()
    start = 0
    for counts in member.read_all():
        at = np.arange(start, start + counts.size)
        side = matrix.rows if member.by_columns else matrix.vocabulary_size
        major, minor = np.divmod(at, side)
        yield (minor, major, counts) if member.by_columns else (major, minor, counts)
        start += counts.size


_CHUNKS: dict[str, Callable[[Npz, _Arrays], Iterator[_Chunk]]] = {
    "coo": _coordinates,
    "csr": _compressed,
    "csc": _compressed,
    "bsr": _block_rows,
    "dia": _diagonals,
    "dense": _dense,
}
_DATA_AXES = {"bsr": (3,), "dia": (2,)}


@contextmanager
def _open_arrays(path: Path, name: str) -> Iterator[_Arrays]:
    """Yield the arrays of a file; raise an `InputError` for anything wrong."""
    try:
        with ExitStack() as stack:
            yield _Arrays(stack, path)
    except InputError:
        raise
    except KeyError as error:
        raise InputError(f"{name}: not a matrix of SciPy or NumPy: {error.args[0]}") from None
    except _BROKEN as error:
        raise InputError(f"{name}: not a matrix of SciPy or NumPy: {error}") from None


NPZ = Format(
    name="npz",
    description="a sparse matrix of SciPy, or one dense array of NumPy",
    matches=lambda head: _ZIP.match(head.content) is not None,
    is_signed=True,
    knows_words=True,
    open=Npz.open,
)
NPY = Format(
    name="npy",
    description="a dense array of NumPy",
    matches=lambda head: head.content.startswith(_MAGIC),
    is_signed=True,
    knows_words=True,
    open=Npz.open,
)
