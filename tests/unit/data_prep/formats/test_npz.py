import io
import re
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from data_prep.corpus import Corpus, OutOfOrderError, Tally, check_promise
from data_prep.errors import InputError
from data_prep.formats import npz
from data_prep.formats.npz import Npz
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.sorting import with_documents_in_order
from tests.support.readers import dense

LAYOUTS = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "coo": sparse.coo_matrix}
ROWS = [[2, 0, 1], [0, 0, 0], [0, 10, 0], [0, 0, 0]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "corpus.npz"


def read(corpus: Corpus) -> list[list[float]]:
    tally = Tally()
    rows = dense(corpus, tally)
    check_promise(corpus, tally)
    return rows


def save(file: Path, **arrays: object) -> None:
    """Write the arrays of a compressed-row matrix, of which some may be changed."""
    usual = {
        "format": b"csr",
        "shape": np.array([4, 3]),
        "indptr": np.array([0, 2, 2, 3, 3]),
        "indices": np.array([0, 2, 1]),
        "data": np.array([2, 1, 10]),
    }
    np.savez(file, **{name: value for name, value in (usual | arrays).items() if value is not None})  # type: ignore[arg-type]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
def test_rows_of_a_sparse_matrix_are_documents(file: Path, dtype: type, compressed: bool) -> None:
    sparse.save_npz(file, sparse.csr_array(np.array(ROWS, dtype)), compressed)
    assert read(Npz.open(file, "corpus", 3)) == ROWS


@pytest.mark.parametrize("layout", ["csc", "coo"])
def test_columns_and_coordinates_are_sorted(file: Path, layout: str) -> None:
    sparse.save_npz(file, LAYOUTS[layout](ROWS))
    assert with_documents_in_order(Npz.open(file, "corpus", 3), read, 0) == ROWS


def test_columns_are_out_of_order(file: Path) -> None:
    sparse.save_npz(file, sparse.csc_matrix([[1, 1], [1, 1]]))
    with pytest.raises(OutOfOrderError):
        read(Npz.open(file, "corpus", 2))


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
@pytest.mark.parametrize("block", [1, 2, 7, 1000])
def test_any_block_size_gives_the_same_documents(
    file: Path, layout: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "_BLOCK", block)
    counts = np.random.default_rng(1).poisson(0.3, (30, 20))
    sparse.save_npz(file, LAYOUTS[layout](counts))
    assert with_documents_in_order(Npz.open(file, "corpus", 20), read, 0) == counts.tolist()


def test_ids_in_any_order_and_duplicates(file: Path) -> None:
    save(file, indices=np.array([2, 2, 1]))
    assert read(Npz.open(file, "corpus", 3)) == [[0, 0, 3], [0, 0, 0], [0, 10, 0], [0, 0, 0]]


@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_the_limit_keeps_the_first_documents(file: Path, limit: int) -> None:
    save(file)
    assert read(Npz.open(file, "corpus", 3, ReadOptions(limit=limit))) == ROWS[:limit]


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        (
            {"format": None},
            "not a matrix of SciPy or NumPy: it holds shape, indptr, indices, data, must hold what",
        ),
        ({"format": b"lil"}, "the layout 'lil' must be one of csr, csc, coo, bsr, dia"),
        ({"format": np.array([1, 2])}, "the array format has the shape (2,)"),
        ({"shape": np.array([4])}, "the shape [4] must be documents x words"),
        ({"shape": np.array([4, 3, 1])}, "the shape [4, 3, 1] must be documents x words"),
        ({"shape": np.array([0, 3])}, "the shape [0, 3] must be documents x words"),
        ({"shape": np.array([4.0, 3.0])}, "the shape [4.0, 3.0] must be documents x words"),
        ({"shape": np.array([4, 5])}, "corpus: there are 5 words, but 3 in the vocabulary"),
        ({"shape": np.array([3, 4])}, "3 in the vocabulary; are its rows words?"),
        ({"shape": np.array([2**31 - 1, 3])}, "2147483647 documents; at most 99999999 are allowed"),
        ({"indptr": np.array([0, 3])}, "the array indptr does not fit the shape"),
        ({"indptr": np.array([1, 2, 2, 3, 3])}, "the array indptr does not fit the shape"),
        ({"indptr": np.array([0, 2, 1, 3, 3])}, "the array indptr does not ascend"),
        ({"indptr": np.array([0, 2, 2, 9, 9])}, "the array indptr does not ascend"),
        ({"indptr": np.array([0, 1, 1, 1, 1])}, "the array indptr does not ascend"),
        ({"indices": np.array([0, 1])}, "its arrays are of different sizes"),
        ({"indices": np.array([0, 3, 1])}, "a column index is not a whole number from 0 to 2"),
        ({"indices": np.array([0, -1, 1])}, "a column index is not a whole number from 0 to 2"),
        ({"indices": np.array([0.0, 1.0, 2.0])}, "a column index is not a whole number"),
        ({"data": np.array([2, 1, -1])}, "document 3, word id 2: count -1 must be"),
        ({"data": np.array([2, 1.5, 1])}, "document 1, word id 3: count 1.5 must be"),
        ({"data": np.array([2, 1, np.nan])}, "document 3, word id 2: count nan must be"),
        ({"data": np.array([2, 1, 2**24 + 1])}, "count 16777217 must be"),
        ({"data": np.array([2, 1, 1j])}, "document 3, word id 2: count 1j must be"),
        (
            {"data": np.array(["2", "1", "1"])},
            "the counts are of the type <U1; they must be numbers",
        ),
        ({"data": np.array([2, 1, None])}, "the array data has the shape (3,) and type object"),
    ],
)
def test_other_arrays_are_refused(file: Path, arrays: dict[str, object], problem: str) -> None:
    save(file, **arrays)
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        read(Npz.open(file, "corpus", 3))
    assert len(str(caught.value).splitlines()) == 1


def test_an_array_that_claims_more_than_its_file_holds_is_refused(file: Path) -> None:
    save(file)
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    members["data.npy"] = members["data.npy"].replace(b"(3,), ", b"(9999999,), ")
    with zipfile.ZipFile(file, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
    with pytest.raises(
        InputError, match=r"the array data says 9999999 elements, in 1[0-9]{2} bytes"
    ):
        Npz.open(file, "corpus", 3)


def test_sums_above_what_float32_can_hold_are_refused(file: Path) -> None:
    save(file, indices=np.array([2, 2, 1]), data=np.array([9_000_000, 9_000_000, 1]))
    with pytest.raises(InputError, match=r"corpus: document 1: .* add up to 18000000"):
        read(Npz.open(file, "corpus", 3))


def test_a_damaged_archive_is_refused(file: Path) -> None:
    save(file)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(InputError, match="corpus: not a matrix of SciPy or NumPy"):
        Npz.open(file, "corpus", 3)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_raise_nothing_but_the_error_of_the_module(
    file: Path, data: st.DataObject
) -> None:
    stream = io.BytesIO()
    sparse.save_npz(stream, sparse.csr_matrix(ROWS), compressed=data.draw(st.booleans()))
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    with suppress(InputError):
        with_documents_in_order(Npz.open(file, "corpus", 3), read, 0)


def test_a_claimed_size_is_not_read_in_one_piece(file: Path) -> None:
    save(file)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        assert "data.npy" in archive.namelist()
    save(file, shape=np.array([99_999_999, 3]))
    with pytest.raises(InputError, match="the array indptr does not fit the shape"):
        Npz.open(file, "corpus", 3).entries(Tally()).__next__()


@pytest.mark.parametrize("header", [b"{'descr': '<u2', '", b"{'descr': (\n", b" {\n  'a'\n x"])
def test_a_header_that_python_can_not_parse_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header)
    with pytest.raises(InputError, match=r"not a matrix of SciPy or NumPy: "):
        Npz.open(tmp_path / "x.npy", "x.npy", 3)


def test_what_python_2_has_written_is_read_without_a_warning(tmp_path: Path) -> None:
    header = b"{'descr': '<u2', 'fortran_order': False, 'shape': (1L, 3L)}\n"
    content = b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header
    (tmp_path / "x.npy").write_bytes(content + np.array([1, 0, 2], "<u2").tobytes())
    assert dense(Npz.open(tmp_path / "x.npy", "x.npy", 3), Tally()) == [[1, 0, 2]]
