"""Blocks of documents, which an algorithm can read as often as it needs.

Sums over documents are sums over blocks, in their order. So memory does not grow with the corpus,
and results do not depend on the number of threads.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from scipy import sparse

_Result = TypeVar("_Result")

# Entries of a block. The sum of a block has a row for each word, so a block should have many more
# entries than there are words, or adding up the sums would take longer than computing them.
_ENTRIES = 1 << 17
_ENTRIES_A_WORD = 16
_CACHED = 1 << 18  # elements of an array that fits into the cache
_KEPT_BYTES = 1 << 29  # documents of up to this size are kept in memory, not read again


class Blocks:
    """Documents in blocks: (documents, V) matrices of word counts, float32.

    Args:
        read: Yields the documents in matrices of any size, all with the same vocabulary. It is
            called for each pass, unless the first pass shows that they fit into memory.
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
        """Call `work` with each block, on all cores; yield the results in order."""
        return self.map_numbered(lambda _, block: work(block))

    def map_numbered(self, work: Callable[[int, sparse.csr_array], _Result]) -> Iterator[_Result]:
        """Call `work` with the number of each block and the block, as `map` does."""
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
    """Return blocks of a (documents, V) matrix of word counts."""
    return Blocks(lambda: [counts])


def for_products(matrix: sparse.csr_array, vectors: int) -> sparse.csr_array | sparse.csc_array:
    """Return a (documents, words) matrix, stored so that products with vectors are fast.

    With many words that is by columns: products then read the array of words in order, and jump
    about only in the shorter array of documents. It takes a third of the time.
    """
    documents, words = matrix.shape
    return matrix.tocsc() if words > documents and words * vectors > _CACHED else matrix


def _join(pieces: Iterable[sparse.csr_array]) -> Iterator[sparse.csr_array]:
    """Join and cut matrices into blocks whose bounds depend on the documents alone."""
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
