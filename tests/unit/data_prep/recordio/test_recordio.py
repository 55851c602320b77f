import io
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import data_prep
from data_prep.recordio import (
    MAX_RECORD_BYTES,
    RecordIOError,
    decode,
    encode,
    read_labels,
    read_matrix,
)

MAGIC = bytes.fromhex("0a23d7ce")

# Counts 1 and 2 of the words 1 and 3, of four words.
WORKED = bytes.fromhex(
    "0a23d7ce 1f0000000a1d 0a06 76616c756573 1213 1211 0a08 0000803f 00000040 1202 0103 1a01 0400"
)


def matrix(documents: list[dict[int, float]], words: int) -> sparse.csr_array:
    indptr = np.cumsum([0, *map(len, documents)])
    ids = [key for document in documents for key in document]
    counts = [count for document in documents for count in document.values()]
    return sparse.csr_array(
        (np.array(counts, np.float32), np.array(ids, np.int32), indptr),
        shape=(len(documents), words),
    )


def encoded(documents: list[dict[int, float]], words: int) -> bytes:
    return b"".join(encode(matrix(documents, words)))


def varint(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits[-1] |= 0x80
        digits.append(number & 0x7F)
    return bytes(digits)


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def frame(payload: bytes) -> bytes:
    return MAGIC + len(payload).to_bytes(4, "little") + payload + bytes(-len(payload) % 4)


def record(tensor: bytes, kind: int = 2, name: bytes = b"values") -> bytes:
    return frame(message(1, message(1, name) + message(2, message(kind, tensor))))


def floats(*values: float) -> bytes:
    return message(1, np.array(values, "<f4").tobytes())


def keys(*numbers: int) -> bytes:
    return message(2, b"".join(map(varint, numbers)))


def shape(*numbers: int) -> bytes:
    return message(3, b"".join(map(varint, numbers)))


def read(content: bytes, feature_dim: int | None = None) -> list[list[float]]:
    rows: list[list[float]] = read_matrix(io.BytesIO(content), feature_dim).toarray().tolist()
    return rows


# The bytes


def test_a_document_is_encoded_as_these_bytes() -> None:
    assert encoded([{1: 1, 3: 2}], 4) == WORKED


def test_the_worked_record_of_the_format_page_is_what_is_encoded() -> None:
    page = (Path(data_prep.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| `([0-9a-f ]+)` \|", page, flags=re.MULTILINE)
    assert bytes.fromhex("".join(rows)) == WORKED


def test_word_ids_take_one_two_and_three_bytes() -> None:
    content = encoded([{0: 1, 127: 1, 128: 1, 16383: 1, 16384: 1}], 20_000)
    assert bytes.fromhex("1209 00 7f 8001 ff7f 808001 1a03 a09c01") in content


@pytest.mark.parametrize("words", [1, 2, 3, 4, 5, 6, 7, 8])
def test_every_record_starts_at_a_multiple_of_four(words: int) -> None:
    document = dict.fromkeys(range(words), 1.0)
    content = encoded([document, document], 8)
    length = int.from_bytes(content[4:8], "little")
    assert len(content) == 2 * (8 + length + -length % 4)
    assert content[8 + length : len(content) // 2] == bytes(-length % 4)


def test_documents_are_encoded_in_order_whatever_the_block_they_fall_into() -> None:
    documents = [dict.fromkeys(range(row % 999 + 1), 1.0) for row in range(500)]
    one_by_one = b"".join(encoded([document], 1000) for document in documents)
    blocks = list(encode(matrix(documents, 1000)))
    assert len(blocks) > 1
    assert b"".join(blocks) == one_by_one


def test_a_matrix_with_64_bit_indices_gives_the_same_bytes() -> None:
    wide = matrix([{1: 1, 3: 2}], 4)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert b"".join(encode(wide)) == WORKED


def test_a_matrix_without_rows_gives_no_bytes() -> None:
    assert encoded([], 4) == b""


# The magic inside a payload


def test_a_payload_with_an_aligned_magic_starts_with_a_uid() -> None:
    content = encoded([dict.fromkeys((0, 1, 10, 35, 26455), 1.0)], 30_000)
    assert content == bytes.fromhex(
        "0a23d7ce 34000000 1a00"
        "0a30 0a06 76616c756573 1226 1224"
        "0a14 0000803f 0000803f 0000803f 0000803f 0000803f"
        "1207 00 01 0a 23 d7ce01 1a03 b0ea01"
    )


@pytest.mark.parametrize("before", range(8))
def test_a_magic_in_the_keys_is_never_at_a_multiple_of_four(before: int) -> None:
    document = dict.fromkeys((*range(before), 10, 35, 26455, 29999), 1.0)
    content = encoded([{1: 1}, document, {2: 1}], 30_000)
    words = [content[at : at + 4] for at in range(0, len(content), 4)]
    assert content.count(MAGIC) == 4
    assert words.count(MAGIC) == 3
    rows = read_matrix(io.BytesIO(content))
    assert rows.indices.tolist() == [1, *document, 2]
    assert rows.indptr.tolist() == [0, 1, 1 + len(document), 2 + len(document)]


def test_a_magic_at_every_alignment_is_refused() -> None:
    hidden = b"".join(bytes(shift) + MAGIC + bytes(-shift % 4) for shift in range(4))
    values = np.frombuffer(hidden, "<f4")
    with pytest.raises(RecordIOError, match="row 0 contains the RecordIO magic at every alignment"):
        encoded([dict(enumerate(values.tolist(), 1))], 20)


# What is not encoded


def test_a_document_without_words_is_refused_by_its_row() -> None:
    with pytest.raises(RecordIOError, match="row 1 has no words"):
        encoded([{0: 1}, {}], 4)


def test_counts_of_another_type_are_refused() -> None:
    with pytest.raises(RecordIOError, match="float64"):
        b"".join(encode(sparse.csr_array(np.ones((1, 2)))))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_not_encoded(value: float) -> None:
    with pytest.raises(RecordIOError, match="not finite"):
        encoded([{0: value}], 4)


def test_a_document_larger_than_a_record_is_refused_by_its_row() -> None:
    words = MAX_RECORD_BYTES // 6
    wide = sparse.csr_array(np.ones((1, words), np.float32))
    with pytest.raises(RecordIOError, match=f"row 0 takes .* at most {MAX_RECORD_BYTES}"):
        b"".join(encode(wide))


# ReadOptions


def test_a_sparse_record_is_read() -> None:
    (only,) = decode(io.BytesIO(WORKED))
    assert only.keys is not None
    assert (only.offset, only.shape) == (0, 4)
    assert only.keys.dtype == np.int64
    assert only.keys.tolist() == [1, 3]
    assert only.values.dtype == np.float32
    assert only.values.tolist() == [1, 2]


def test_a_dense_record_is_read() -> None:
    (only,) = decode(io.BytesIO(record(floats(0, 1, 2))))
    assert (only.keys, only.values.tolist(), only.shape) == (None, [0, 1, 2], None)
    assert read(record(floats(0, 1, 2)) + record(floats(0, 0, 0))) == [[0, 1, 2], [0, 0, 0]]


def test_the_matrix_is_float32_without_explicit_zeros_and_with_sorted_ids() -> None:
    content = record(floats(3, 0, 5) + keys(2, 1, 0) + shape(3))
    result = read_matrix(io.BytesIO(content))
    assert result.dtype == np.float32
    assert result.indices.tolist() == [0, 2]
    assert result.toarray().tolist() == [[5, 0, 3]]


def test_counts_given_twice_for_a_word_are_added_up() -> None:
    assert read(record(floats(3, 4) + keys(1, 1) + shape(3))) == [[0, 7, 0]]


def test_float64_values_are_read() -> None:
    tensor = message(1, np.array([1, 0.5], "<f8").tobytes())
    assert read(record(tensor + keys(0, 2) + shape(3), kind=3)) == [[1, 0, 0.5]]


def test_int32_values_are_read_negative_ones_too() -> None:
    tensor = message(1, b"\x02" + b"\xff" * 9 + b"\x01")
    assert read(record(tensor + keys(0, 2) + shape(3), kind=7)) == [[2, 0, -1]]


def test_numbers_that_are_not_packed_are_read() -> None:
    values = b"\x0d\x00\x00\x80\x3f" + b"\x0d\x00\x00\x00\x40"
    assert read(record(values + b"\x10\x01\x10\x03" + b"\x18\x04")) == [[0, 1, 0, 2]]


def test_labels_and_other_fields_are_skipped() -> None:
    label = message(2, message(1, b"values") + message(2, message(2, floats(9))))
    other = message(1, message(1, b"other") + message(2, message(2, floats(8))))
    uid = message(3, b"a") + b"\x50\x01" + b"\x59" + bytes(8)
    content = frame(uid + label + other + WORKED[8:-1])
    assert read(content) == [[0, 1, 0, 2]]


def test_records_that_the_stream_gives_in_small_pieces_are_read() -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 3))

    assert len(list(decode(Dripping(WORKED * 2)))) == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "there is no record"),
        (WORKED + MAGIC, "byte 40: the stream ends inside the head of a record"),
        (WORKED + b"\n", "byte 40: the stream ends inside the head of a record"),
        (WORKED + b"{}" * 8, "byte 40: magic is 0x7d7b7d7b, must be 0xced7230a"),
        (MAGIC[::-1] + WORKED[4:], "byte 0: magic is 0x0a23d7ce, must be 0xced7230a"),
        (WORKED[:-1], "byte 0: the stream ends inside a record of 31 bytes, after 31"),
        (WORKED[:20], "byte 0: the stream ends inside a record of 31 bytes, after 12"),
        (MAGIC + bytes.fromhex("ffffff1f"), "byte 0: a record of 536870911 bytes; at most"),
        (MAGIC + bytes.fromhex("04000020") + bytes(4), r"byte 0: split records \(flag 1\)"),
        (MAGIC + bytes.fromhex("04000040") + bytes(4), r"byte 0: split records \(flag 2\)"),
        (MAGIC + bytes.fromhex("04000060") + bytes(4), r"byte 0: split records \(flag 3\)"),
        (frame(b""), "byte 0: no float32, float64 or int32 tensor for the feature 'values'"),
        (frame(b"\x0b"), "byte 0: not a protobuf message: field 1 of wire type 3"),
        (frame(b"\x80"), "byte 0: not a protobuf message: it ends inside a number"),
        (frame(b"\xff" * 11), "byte 0: not a protobuf message: .* the number is too long"),
        (frame(b"\x0a\x05abcd"), "byte 0: field 1 runs past the end of its message"),
        (record(floats(1), name=b"counts"), "byte 0: no float32, float64 or int32 tensor"),
        (record(floats(1), kind=9), "byte 0: no float32, float64 or int32 tensor"),
        (frame(WORKED[8:-1] * 2), "byte 0: more than one tensor for the feature 'values'"),
        (record(shape(4)), "byte 0: the tensor has no values"),
        (record(b""), "byte 0: the tensor has no values"),
        (record(floats(1, 2) + shape(3)), "byte 0: a dense record of 2 values has the shape 3"),
        (record(floats(1, 2) + keys(1) + shape(3)), "byte 0: 1 keys for 2 values"),
        (record(floats(1) + keys(3) + shape(3)), "byte 0: key 3 is not below the shape 3"),
        (record(floats(1) + keys(2**64 - 1) + shape(3)), f"byte 0: key {2**64 - 1} is not below"),
        (record(floats(1) + keys(0)), "byte 0: a sparse record must have a shape"),
        (record(floats(1) + keys(0) + shape(0)), r"byte 0: shape is \[0\], must be one number"),
        (record(floats(1) + keys(0) + shape(2, 2)), r"byte 0: shape is \[2, 2\], must be one"),
        (record(floats(1) + keys(0) + shape(2**31)), "byte 0: shape is .*, must be one number"),
        (record(floats(1) + message(2, b"\x80")), "byte 0: the tensor ends inside a number"),
        (record(floats(1) + message(2, b"\xff" * 10 + b"\x01")), "a number of more than 10 bytes"),
        (record(b"\x08\x01"), "byte 0: field 1 of the tensor has wire type 0"),
        (record(message(1, b"abc")), "byte 0: 3 bytes of values do not divide into float32"),
        (record(floats(np.nan)), "byte 0: a value is not a finite float32"),
        (record(message(1, np.array([1e300]).tobytes()), kind=3), "not a finite float32"),
        (record(floats(1, 2)) + record(floats(1)), "byte 32: a vocabulary of 1 words, must be 2"),
    ],
)
def test_malformed_records_are_refused(content: bytes, problem: str) -> None:
    with pytest.raises(RecordIOError, match=problem):
        read(content)


def test_a_vocabulary_of_another_size_than_asked_for_is_refused() -> None:
    assert read(WORKED, feature_dim=4) == [[0, 1, 0, 2]]
    with pytest.raises(RecordIOError, match="byte 0: a vocabulary of 4 words, must be 5"):
        read(WORKED, feature_dim=5)


def test_a_claimed_length_is_not_read_in_one_piece() -> None:
    class Watched(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.largest = max(self.largest, size or 0)
            return super().read(size)

    stream = Watched(MAGIC + MAX_RECORD_BYTES.to_bytes(4, "little") + b"abc")
    with pytest.raises(RecordIOError, match="ends inside a record"):
        list(decode(stream))
    assert stream.largest <= 1 << 20


# Properties

counts = st.floats(width=32, allow_nan=False, allow_infinity=False).filter(bool)


@st.composite
def matrices(draw: st.DrawFn) -> sparse.csr_array:
    words = draw(st.sampled_from([1, 5, 128, 129, 16_384, 16_385, 40_000]))
    word_ids = st.integers(0, words - 1)
    documents = st.dictionaries(word_ids, counts, min_size=1, max_size=12)
    rows = draw(st.lists(documents, min_size=1, max_size=5))
    return matrix([dict(sorted(row.items())) for row in rows], words)


@given(matrices())
def test_what_is_encoded_is_read_back(original: sparse.csr_array) -> None:
    result = read_matrix(io.BytesIO(b"".join(encode(original))))
    assert result.shape == original.shape
    assert result.indptr.tolist() == original.indptr.tolist()
    assert result.indices.tolist() == original.indices.tolist()
    assert result.data.tobytes() == original.data.tobytes()


@given(matrices(), st.data())
def test_every_truncation_inside_a_record_is_refused(
    original: sparse.csr_array, data: st.DataObject
) -> None:
    content = b"".join(encode(original))
    starts = {one.offset for one in decode(io.BytesIO(content))}
    size = data.draw(st.integers(0, len(content) - 1).filter(lambda at: at not in starts))
    with pytest.raises(RecordIOError):
        list(decode(io.BytesIO(content[:size])))


@given(matrices(), st.data())
def test_damaged_records_raise_nothing_but_the_error_of_the_module(
    original: sparse.csr_array, data: st.DataObject
) -> None:
    content = bytearray(b"".join(encode(original)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(RecordIOError):
        read_matrix(io.BytesIO(content))


@given(st.binary(max_size=64))
def test_any_payload_raises_nothing_but_the_error_of_the_module(payload: bytes) -> None:
    with suppress(RecordIOError):
        read_matrix(io.BytesIO(frame(payload)))


@given(matrices(), st.data())
def test_records_are_read_alike_all_at_once_and_one_by_one(
    original: sparse.csr_array, data: st.DataObject
) -> None:
    words = original.shape[1]
    payload = bytearray(next(encode(original[[0]]))[8:])
    for _ in range(data.draw(st.integers(0, 2))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    content = frame(bytes(payload))
    # A record with a zero is out of the usual, so that all records are read one by one.
    unusual = record(floats(0) + keys(0) + shape(words))

    def result(content: bytes) -> tuple[list[int], list[float]] | str:
        try:
            matrix = read_matrix(io.BytesIO(content), words)
        except RecordIOError as error:
            return re.sub(r"^byte \d+", "", str(error))
        return matrix.indices.tolist(), matrix.data.tolist()

    assert result(content) == result(unusual + content)


def test_no_record_is_refused_although_the_vocabulary_is_known() -> None:
    with pytest.raises(RecordIOError, match="there is no record"):
        read_matrix(io.BytesIO(b""), feature_dim=3)


# Labels


def labelled(*values: float, name: bytes = b"topic_mixture", more: bytes = b"") -> bytes:
    tensor = floats(*values) + more
    return frame(message(2, message(1, name) + message(2, message(2, tensor))))


def labels(content: bytes) -> list[list[float]]:
    return [values.tolist() for values in read_labels(io.BytesIO(content), "topic_mixture")]


def test_a_label_of_each_record_is_read() -> None:
    pinned = bytes.fromhex(
        "0a23d7ce 1f000000 121d 0a0d 746f7069635f6d697874757265 120c 120a 0a08 0000003f 0000803e 00"
    )
    assert labelled(0.5, 0.25) == pinned
    assert labels(pinned) == [[0.5, 0.25]]
    assert labels(labelled(0.5, 0.25) + labelled(0.75)) == [[0.5, 0.25], [0.75]]
    assert labels(b"") == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (WORKED, "byte 0: no float32, float64 or int32 tensor for the label 'topic_mixture'"),
        (labelled(1) + labelled(1, name=b"other"), r"byte \d\d: no float32.* 'topic_mixture'"),
        (labelled(1, more=keys(0)), "byte 0: the label 'topic_mixture' is sparse"),
        (labelled(1)[:-1], "ends inside a record"),
        (labelled(float("nan")), "not a finite float32"),
    ],
    ids=["no label", "another label", "sparse", "truncated", "not finite"],
)
def test_what_is_no_label_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(RecordIOError, match=problem):
        labels(content)
