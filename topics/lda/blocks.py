"""A corpus as blocks of documents, gone through as often as an algorithm likes.

All that is summed up over a corpus is the sum of what its blocks give, in their order: memory does
not grow with the corpus, and the result does not depend on the number of threads.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from scipy import sparse

_Result = TypeVar("_Result")

# Entries of a block. Its part of a sum has as many rows as there are words, so that blocks should
# have many more entries than that, or adding up the parts would take longer than making them.
_ENTRIES = 1 << 17
_ENTRIES_A_WORD = 16
_CACHED = 1 << 18  # elements of an array in which it costs little to jump about
_KEPT_BYTES = 1 << 29  # of documents that are kept in memory instead of being read again
MAX_COUNT = 1 << 24  # of a word in a document: up to there float32 tells whole numbers apart


class CountsError(ValueError):
    """Numbers that are no word counts."""


def check_counts(counts: sparse.csr_array) -> None:
    """Refuse what no document has.

    Raises:
        CountsError: A count is negative, not finite, or more than `MAX_COUNT`.
    """
    # Not a number is not between the two either.
    if not ((counts.data >= 0) & (counts.data <= MAX_COUNT)).all():
        raise CountsError(f"word counts must be numbers from 0 to {MAX_COUNT:,}")


class Blocks:
    """Documents in blocks: (documents, V) matrices of word counts, float32.

    Args:
        read: Starts reading the documents, in pieces of any size, all of the same vocabulary. It
            is called for each pass, unless the first one shows that they fit into memory.
    """

    def __init__(self, read: Callable[[], Iterable[sparse.csr_array]]) -> None:
        self._read = read
        self._kept: list[sparse.csr_array] | None = None

    def __iter__(self) -> Iterator[sparse.csr_array]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[sparse.csr_array] | None = []
        size = 0
        for block in _join(self._read()):
            size += block.data.nbytes + block.indices.nbytes + block.indptr.nbytes
            if kept is not None and size <= _KEPT_BYTES:
                kept.append(block)
            else:
                kept = None
            yield block
        self._kept = kept

    def map(self, work: Callable[[sparse.csr_array], _Result]) -> Iterator[_Result]:
        """Do something with each block, on all cores; yields the results in order."""
        return self.map_numbered(lambda _, block: work(block))

    def map_numbered(self, work: Callable[[int, sparse.csr_array], _Result]) -> Iterator[_Result]:
        """Do something with each block and its number, as `map` does."""
        workers = cores()
        running: deque[Future[_Result]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            for number, block in enumerate(self):
                running.append(pool.submit(work, number, block))
                if len(running) > workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # macOS has none
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_memory(counts: sparse.csr_array) -> Blocks:
    """Make a corpus of a (documents, V) matrix of word counts."""
    return Blocks(lambda: [counts])


def for_products(matrix: sparse.csr_array, vectors: int) -> sparse.csr_array | sparse.csc_array:
    """Return a (documents, words) matrix, stored so that products with vectors are fast.

    With large vectors that is by columns: products then go through the words' array of vectors in
    order and jump about in the documents' shorter one. It takes a third of the time.
    """
    documents, words = matrix.shape
    return matrix.tocsc() if words > documents and words * vectors > _CACHED else matrix


def _join(pieces: Iterable[sparse.csr_array]) -> Iterator[sparse.csr_array]:
    """Cut and join pieces to blocks, whose bounds depend on the documents alone."""
    waiting: list[sparse.csr_array] = []
    missing = 0
    for piece in pieces:
        bounds = piece.indptr
        start, documents = 0, piece.shape[0]
        while start < documents:
            if not waiting:
                missing = max(_ENTRIES, _ENTRIES_A_WORD * piece.shape[1])
            stop = min(int(np.searchsorted(bounds, bounds[start] + missing)), documents)
            waiting.append(piece[start:stop].astype(np.float32))
            missing -= int(bounds[stop] - bounds[start])
            start = stop
            if missing <= 0:
                yield sparse.vstack(waiting, format="csr")
                waiting = []
    if waiting:
        yield sparse.vstack(waiting, format="csr")
