import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from data_prep import golden, recordio
from data_prep.convert import convert
from data_prep.golden import write_golden
from data_prep.manifest import Golden


def write_part(path: Path, counts: list[list[float]]) -> Path:
    matrix = sparse.csr_array(np.array(counts, np.float32))
    path.write_bytes(b"".join(recordio.encode(matrix)))
    return path


def test_the_file_is_this_text(tmp_path: Path) -> None:
    part = write_part(tmp_path / "part", [[1, 0, 4], [0, 2.5, 0]])
    written = write_golden([part], 3, tmp_path / "golden.json")
    content = (tmp_path / "golden.json").read_bytes()
    assert content == (
        b'{"feature_dim":3,"documents":[{"keys":[0,2],"values":[1,4]},'
        b'{"keys":[1],"values":[2.5]}]}\n'
    )
    assert written == Golden("golden.json", 2, 90, hashlib.sha256(content).hexdigest())


def test_it_has_the_first_documents_and_of_each_the_first_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden, "MAX_DOCUMENTS", 2)
    monkeypatch.setattr(golden, "MAX_WORDS", 1)
    part = write_part(tmp_path / "part", [[1, 2], [0, 3], [4, 0]])
    assert write_golden([part], 2, tmp_path / "golden.json").documents == 2
    assert (
        b'[{"keys":[0],"values":[1]},{"keys":[1],"values":[3]}]'
        in (tmp_path / "golden.json").read_bytes()
    )


def test_files_are_read_until_there_are_enough_documents(tmp_path: Path) -> None:
    every: list[list[float]] = [[1, 0], [0, 2], [3, 0], [0, 4], [5, 0], [0, 6], [7, 0]]
    whole = write_golden([write_part(tmp_path / "part", every)], 2, tmp_path / "whole")
    files = [write_part(tmp_path / "0", every[:2]), write_part(tmp_path / "1", every[2:])]
    assert write_golden(files, 2, tmp_path / "cut").sha256 == whole.sha256


@pytest.mark.parametrize(("fraction", "first"), [(0.5, 1), (0.0, 0)])
def test_documents_are_held_out_ones_or_of_all_when_none_is(
    tmp_path: Path, fraction: float, first: int
) -> None:
    (tmp_path / "corpus").write_text("1:7\n2:8\n")
    (tmp_path / "vocab").write_text("a\nb\n")
    out = tmp_path / "out"
    manifest = convert(tmp_path / "corpus", tmp_path / "vocab", out, test_fraction=fraction)
    content = (out / manifest.golden.file).read_text()
    assert content.startswith(f'{{"feature_dim":2,"documents":[{{"keys":[{first}]')
