"""Documents as the objects of a transform job."""

import io

import numpy as np
import pytest
from scipy import sparse

from data_prep.errors import InputError
from data_prep.recordio import read_matrix
from topics.endpoint import batches
from topics.endpoint.batches import cut


def rows(*counts: list[float]) -> sparse.csr_array:
    return sparse.csr_array(np.array(counts, np.float32))


def read(body: bytes) -> list[list[float]]:
    found: list[list[float]] = read_matrix(io.BytesIO(body)).toarray().tolist()
    return found


def test_an_object_has_as_many_whole_blocks_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_DOCUMENTS", 3)
    first, second = rows([1, 0], [2, 0]), rows([3, 0])
    third = rows([4, 0], [5, 0], [6, 0], [7, 0])
    found = [*cut([first, second, third])]
    assert [read(batch.body) for batch in found] == [
        [[1, 0], [2, 0], [3, 0]],
        [[4, 0], [5, 0], [6, 0]],
        [[7, 0]],
    ]


def test_a_full_object_gets_no_more_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FULL_BYTES", 1)
    assert len([*cut([rows([1]), rows([2])])]) == 2


def test_documents_without_words_are_in_no_object_and_are_remembered() -> None:
    (batch,) = cut([rows([0, 0], [1, 0]), rows([0, 0]), rows([0, 2], [0, 0])])
    assert batch.filled.tolist() == [False, True, False, True, False]
    assert read(batch.body) == [[1, 0], [0, 2]]
    (none,) = cut([rows([0, 0])])
    assert (none.filled.tolist(), none.body) == ([False], b"")
    assert [*cut([])] == []


def test_a_document_that_no_payload_holds_is_refused_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_RECORD_BYTES", 200)
    small, large = rows([1] * 40), rows([0] * 40, [1] * 40)
    assert len([*cut([small[:, :20]])]) == 1
    with pytest.raises(InputError, match=r"document 3 takes 2.. bytes as recordio; .* most 200"):
        list(cut([small[:, :20], large]))
