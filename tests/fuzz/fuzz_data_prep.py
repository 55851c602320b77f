"""Feed damaged and random bytes to what reads files: only its own error may come out.

Run by `make fuzz`, and not by a plain `pytest`: its files are called `fuzz_*.py`. The number of
inputs for each target is `FUZZ_EXAMPLES`.
"""

import gzip
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from data_prep import shards
from data_prep.convert import convert
from data_prep.errors import InputError
from data_prep.formats import lines, npz
from data_prep.formats.read_options import ReadOptions
from data_prep.recordio import RecordIOError, decode, encode, read_matrix
from data_prep.vocabulary import read_vocabulary

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000"))
WORDS = ["one", "two", "three"]
fuzz = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def packed(layout: Callable[[list[list[int]]], Any], compressed: bool) -> bytes:
    stream = io.BytesIO()
    sparse.save_npz(stream, layout([[2, 0, 1], [0, 0, 0], [0, 10, 0]]), compressed)
    return stream.getvalue()


def dense(order: Any, save: Callable[[Any, Any], None]) -> bytes:
    stream = io.BytesIO()
    save(stream, np.array([[2, 0, 1], [0, 0, 0], [0, 10, 0]], np.uint16, order=order))
    return stream.getvalue()


LAYOUTS = (
    sparse.csr_matrix,
    sparse.csc_matrix,
    sparse.coo_matrix,
    sparse.bsr_matrix,
    sparse.dia_matrix,
)
GOOD = {
    "pairs": [b"1:2,3:1\n\n2:10\n", b"3:1,1:2,3:1\r\n2:16777216\r\n\r\n", b"\xef\xbb\xbf 1:1 \n"],
    "docword": [b"2\n3\n3\n1 1 2\n1 3 1\n2 2 10\n", b"2\r\n3\r\n2\r\n2 1 2\r\n1 3 1\r\n\r\n"],
    "mtx": [
        b"%%MatrixMarket matrix coordinate integer general\n%\n2 3 2\n1 1 2\n2 3 1\n",
        b"%%MatrixMarket matrix coordinate real general\n2 3 2\n2 1 2.0\n1 3 1e+00\n",
        b"%%MatrixMarket matrix coordinate pattern general\n2 3 2\n1 1\n2 3\n",
        b"%MatrixMarket matrix coordinate unsigned-integer symmetric\n3 3 2\n1 1 2\n3 2 0\n",
        b"%%MatrixMarket matrix array real general\n2 3\n1\n0\n0\n2.0\n0\n1\n",
        b"%%MatrixMarket matrix coordinate complex general\n2 3 1\n1 3 2 0\n",
        b"%%MatrixMarket matrix array real symmetric\n3 3\n1\n0\n0\n2\n0\n1\n",
    ],
    "npz": [
        *(packed(layout, compressed) for layout in LAYOUTS for compressed in (False, True)),
        dense("C", np.savez),
    ],
    "npy": [dense("C", np.save), dense("F", np.save)],
    "ldac": [b"2 0:2 2:1\n0\n1 1:10\n", b"\xef\xbb\xbf1 0:1.0\r\n\r\n2 1:0 2:1\r\n"],
    "svmlight": [b"1 1:2 3:1\n-1 2:10 # c\n", b"# c\n0.5,2 qid:1 0:2\n\n1 2:1e0\n"],
    "text": ["one two three\nzürich nai\u0308ve \u0939\u093f\u200c\u0928\n".encode()],
    "jsonl": [b'{"body": "one two"}\n{"body": "three", "n": [1, {}]}\n'],
    "csv": [b'id,body\n1,"one, ""two"""\n2,three\n', b'id\tbody\n1\t"one\ntwo"\n'],
}


@st.composite
def damaged(draw: st.DrawFn, good: list[bytes]) -> bytes:
    """Some of the good bytes with a few changes of all kinds."""
    content = bytearray(draw(st.sampled_from(good)))
    spans = st.sampled_from(
        [b"", b"0", b"-1", b"9" * 20, b" ", b"\n", b"\r\n", b":", b",", b"\xff"]
    )
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.integers(0, 4)))
        content[at:end] = draw(spans | st.binary(max_size=4) | st.just(bytes(content)))
    return bytes(content)


@given(content=damaged([b"one\ntwo\nthree\n", b"\xef\xbb\xbfone\r\n two words \r\n"]))
@fuzz
def test_vocabulary(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vocab").write_bytes(content)
    with suppress(InputError):
        read_vocabulary(tmp_path / "vocab")


def records() -> list[bytes]:
    rng = np.random.default_rng(1)
    contents = []
    for words in (3, 3, 200, 40_000):
        counts = sparse.csr_array(
            sparse.random_array((4, words), density=min(1, 10 / words), rng=rng, dtype=np.float32)
        )
        contents.append(b"".join(encode(counts[np.diff(counts.indptr) > 0])))
    return contents


GOOD["recordio"] = records()


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("told", [True, False], ids=["format given", "format detected"])
@given(data=st.data())
@fuzz
def test_readers(
    tmp_path: Path, kind: str, told: bool, wrap: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    content = data.draw(damaged(GOOD[kind]) | st.binary(max_size=80))
    (tmp_path / "corpus").write_bytes(wrap(content))
    (tmp_path / "vocab").write_text("\n".join(WORDS), encoding="utf-8")
    options = ReadOptions(
        format=kind if told else None,
        skip_bad=data.draw(st.integers(0, 2)),
        limit=data.draw(st.none() | st.integers(1, 3)),
        first_id=data.draw(st.sampled_from([None, 0, 1])) if kind == "svmlight" else None,
        field=("body",) if kind == "jsonl" else (),
        column=("body",) if kind == "csv" else (),
    )
    with pytest.MonkeyPatch.context() as patch, suppress(InputError):
        patch.setattr(lines, "BLOCK_BYTES", data.draw(st.sampled_from([1, 7, 1 << 18])))
        patch.setattr(lines, "SPAN_BYTES", data.draw(st.sampled_from([1, 9, 1 << 23])))
        patch.setattr(shards, "SHARD_BYTES", data.draw(st.sampled_from([1, 30, 1 << 25])))
        patch.setattr(npz, "_BLOCK", data.draw(st.sampled_from([1, 2, 1 << 15])))
        convert(
            tmp_path / "corpus",
            tmp_path / "vocab",
            tmp_path / "out",
            options=options,
            test_fraction=0,
        )


@given(content=damaged(records()) | st.binary(max_size=80))
@fuzz
def test_decoder(content: bytes) -> None:
    with suppress(RecordIOError):
        read_matrix(io.BytesIO(content))
    with suppress(RecordIOError):
        list(decode(io.BytesIO(content)))
