"""The same counts, written in every format that is read."""

import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.io import mmwrite

from data_prep.recordio import encode

Rows = Sequence[Sequence[int]]


class Written(NamedTuple):
    """A way to write counts.

    Attributes:
        format: Of which format that is.
        write: Returns the bytes of a file.
        options: How to read it, as of `ReadOptions`.
    """

    format: str
    write: Callable[[Rows], bytes]
    options: Mapping[str, Any] = MappingProxyType({})


def words(number: int) -> list[str]:
    """Return up to 26 words that are words of raw text as well."""
    return [f"w{letter}" for letter in ascii_lowercase[:number]]


def _entries(rows: Rows) -> list[tuple[int, int, int]]:
    return [(d, w, n) for d, row in enumerate(rows) for w, n in enumerate(row) if n]


def _pairs(rows: Rows, item: str = "{}:{}", comma: str = ",", zeros: bool = False) -> bytes:
    lines = (
        comma.join(item.format(id_, n) for id_, n in enumerate(row, 1) if n or zeros)
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _docword(rows: Rows, item: str = "{} {} {}") -> bytes:
    entries = [item.format(d + 1, w + 1, n) for d, w, n in _entries(rows)]
    return "\n".join(map(str, (len(rows), len(rows[0]), len(entries), *entries))).encode()


def _matrix_market(make: Callable[[Rows], Any]) -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        stream = io.BytesIO()
        mmwrite(stream, make(rows))
        return stream.getvalue()

    return write


def _by_columns(rows: Rows) -> bytes:
    entries = [f"{d + 1} {w + 1} {n}.0e+00\r\n" for d, w, n in sorted(_entries(rows), key=_column)]
    head = f"%MatrixMarket MATRIX coordinate double general\r\n%\r\n{len(rows)} {len(rows[0])} "
    return (head + f"{len(entries)}\r\n" + "".join(entries)).encode()


def _column(entry: tuple[int, int, int]) -> int:
    return entry[1]


def _npz(layout: Any, compressed: bool = True) -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        stream = io.BytesIO()
        sparse.save_npz(stream, sparse.csr_matrix(np.array(rows)).asformat(layout), compressed)
        return stream.getvalue()

    return write


def _numpy(save: Callable[[Any, Any], None], order: Any) -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        stream = io.BytesIO()
        save(stream, np.array(rows, np.float64, order=order))
        return stream.getvalue()

    return write


def _labelled(label: Callable[[int], object], first: int, end: str) -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        return b"".join(
            f"{label(sum(n > 0 for n in row))}"
            f"{''.join(f' {w + first}:{n}' for w, n in enumerate(row) if n)}{end}".encode()
            for row in rows
        )

    return write


def _recordio(rows: Rows) -> bytes:
    return b"".join(encode(sparse.csr_array(np.array(rows, np.float32))))


def _texts(rows: Rows) -> list[str]:
    return [
        " ".join(word for word, n in zip(words(len(row)), row, strict=True) for _ in range(n))
        for row in rows
    ]


def _text(rows: Rows) -> bytes:
    return "".join(f"{text.upper()}.\n" for text in _texts(rows)).encode()


def _json_lines(rows: Rows) -> bytes:
    return "".join(json.dumps({"n": 1, "body": text}) + "\n" for text in _texts(rows)).encode()


def _csv(rows: Rows, delimiter: str = ",") -> bytes:
    lines = (f'"{number}"{delimiter}"{text}"\n' for number, text in enumerate(_texts(rows)))
    return (f"id{delimiter}body\n" + "".join(lines)).encode()


WAYS = {
    "pairs": Written("pairs", _pairs),
    "pairs with blanks": Written("pairs", lambda rows: _pairs(rows, " {} : {}", " ,")),
    "pairs with decimals": Written("pairs", lambda rows: _pairs(rows, "{}:{}.0", ", ")),
    "pairs with exponents": Written("pairs", lambda rows: _pairs(rows, "{}:{}.00e+0", ",\t")),
    "pairs with zeros": Written("pairs", lambda rows: _pairs(rows, zeros=True)),
    "pairs of Windows": Written("pairs", lambda rows: _pairs(rows).replace(b"\n", b"\r\n")),
    "docword": Written("docword", _docword),
    "docword with decimals": Written("docword", lambda rows: _docword(rows, "{} {} {}.0")),
    "docword with tabs": Written("docword", lambda rows: _docword(rows, "{}\t{}\t{}")),
    "mtx of integers": Written("mtx", _matrix_market(sparse.csr_matrix)),
    "mtx of reals": Written("mtx", _matrix_market(lambda r: sparse.csc_matrix(r, dtype=float))),
    "mtx unsigned": Written("mtx", _matrix_market(lambda r: sparse.coo_matrix(r, dtype="u8"))),
    "mtx by columns": Written("mtx", _by_columns),
    "mtx in full": Written("mtx", _matrix_market(lambda rows: np.array(rows))),
    "mtx of complex numbers": Written(
        "mtx", _matrix_market(lambda rows: sparse.coo_matrix(np.array(rows, complex)))
    ),
    **{f"npz {kind}": Written("npz", _npz(kind)) for kind in ("csr", "csc", "coo", "bsr", "dia")},
    "npz uncompressed": Written("npz", _npz("csr", compressed=False)),
    "npz dense": Written("npz", _numpy(np.savez, "C")),
    "npy": Written("npy", _numpy(np.save, "C")),
    "npy by columns": Written("npy", _numpy(np.save, "F")),
    "lda-c": Written("ldac", _labelled(lambda pairs: pairs, 0, "\n")),
    "lda-c of gensim": Written("ldac", _labelled(lambda pairs: pairs, 0, ".0\n")),
    "svmlight from 0": Written("svmlight", _labelled(lambda _: -1, 0, " # x:1\n"), {"first_id": 0}),
    "svmlight from 1": Written(
        "svmlight", _labelled(lambda pairs: f"{pairs}.5,2 qid:7", 1, "\r\n\n"), {"first_id": 1}
    ),
    "recordio": Written("recordio", _recordio),
    "text": Written("text", _text),
    "jsonl": Written("jsonl", _json_lines, {"field": ("body",)}),
    "csv": Written("csv", _csv, {"column": ("body",)}),
    "csv with tabs": Written("csv", lambda rows: _csv(rows, "\t"), {"column": ("body",)}),
    "pairs in gzip": Written("pairs", lambda rows: gzip.compress(_pairs(rows))),
    "recordio in gzip": Written("recordio", lambda rows: gzip.compress(_recordio(rows))),
}


def write_vocabulary(folder: Path, number: int) -> Path:
    """Write `words` to a file of a folder."""
    path = folder / "vocab.txt"
    path.write_text("".join(f"{word}\n" for word in words(number)), encoding="utf-8")
    return path
