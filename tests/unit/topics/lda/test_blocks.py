"""Corpora in blocks."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import sparse

from topics.lda import blocks
from topics.lda.blocks import Blocks, in_memory


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ENTRIES", 50)
    monkeypatch.setattr(blocks, "_ENTRIES_A_WORD", 0)


@pytest.fixture
def counts() -> sparse.csr_array:
    rng = np.random.default_rng(0)
    return sparse.csr_array(rng.poisson(0.5, (200, 20)).astype(np.float32))


def test_the_blocks_make_up_the_corpus(counts: sparse.csr_array) -> None:
    blocks = list(in_memory(counts))
    assert len(blocks) > 10
    assert np.array_equal(sparse.vstack(blocks).toarray(), counts.toarray())
    assert all(50 <= block.nnz < 70 for block in blocks[:-1])


def test_blocks_do_not_depend_on_the_pieces_that_are_read(counts: sparse.csr_array) -> None:
    expected = [block.toarray() for block in in_memory(counts)]
    for step in (1, 7, 150):
        pieces = [counts[start : start + step] for start in range(0, 200, step)]
        blocks = list(Blocks(lambda pieces=pieces: pieces))  # type: ignore[misc]
        assert len(blocks) == len(expected)
        for block, same in zip(blocks, expected, strict=True):
            assert np.array_equal(block.toarray(), same)


@pytest.mark.parametrize(("limit", "reads"), [(1 << 20, 1), (1000, 3), (0, 3)])
def test_what_fits_into_memory_is_read_once(
    counts: sparse.csr_array, limit: int, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_KEPT_BYTES", limit)
    passes = []

    def read() -> Iterator[sparse.csr_array]:
        passes.append(1)
        yield counts

    documents = Blocks(read)
    sizes = [sum(block.nnz for block in documents) for _ in range(3)]
    assert sizes == [counts.nnz] * 3
    assert len(passes) == reads


def test_a_pass_that_was_not_finished_is_no_reason_to_forget_the_rest(
    counts: sparse.csr_array,
) -> None:
    documents = in_memory(counts)
    next(iter(documents))
    assert sum(block.nnz for block in documents) == counts.nnz


def test_without_affinity_as_on_macos_all_cores_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert blocks.cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)  # nobody knows
    assert blocks.cores() == 1


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_results_come_in_the_order_of_the_blocks(
    counts: sparse.csr_array, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "cores", lambda: threads)
    documents = in_memory(counts)
    assert list(documents.map(lambda block: block.nnz)) == [block.nnz for block in documents]


def test_few_blocks_wait_in_memory(
    counts: sparse.csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "cores", lambda: 2)
    monkeypatch.setattr(blocks, "_KEPT_BYTES", 0)
    read = []

    def pieces() -> Iterator[sparse.csr_array]:
        for start in range(0, 200, 10):
            read.append(start)
            yield counts[start : start + 10]

    results = Blocks(pieces).map(lambda block: block.nnz)
    next(results)
    assert len(read) < 6


def test_an_error_in_the_work_reaches_the_caller(counts: sparse.csr_array) -> None:
    def fail(_: sparse.csr_array) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(in_memory(counts).map(fail))
