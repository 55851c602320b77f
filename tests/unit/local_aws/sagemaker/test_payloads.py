import numpy as np
import pytest
from scipy.sparse import csr_array

from data_prep import recordio
from local_aws.sagemaker.payloads import PayloadError, payloads

RECORDS = [
    b"".join(recordio.encode(csr_array(np.array([row], np.float32))))
    for row in ([1, 0, 2], [0, 3, 0], [1, 1, 1])
]
FILE = b"".join(RECORDS)
MANY = 1 << 20


def test_a_payload_has_as_many_records_as_fit() -> None:
    two = len(RECORDS[0]) + len(RECORDS[1])
    assert [*payloads(FILE, "RecordIO", "MultiRecord", two)] == [FILE[:two], RECORDS[2]]
    assert [*payloads(FILE, "RecordIO", "MultiRecord", MANY)] == [FILE]
    lines = b"1,2\n3,4\n5,6"
    assert [*payloads(lines, "Line", "MultiRecord", 8)] == [b"1,2\n3,4\n", b"5,6"]


def test_a_single_record_of_recordio_has_no_frame_around_it() -> None:
    """So says the API reference of SplitType; a container that wants the frame can't read it."""
    found = [*payloads(FILE, "RecordIO", "SingleRecord", MANY)]
    assert [record[8 : 8 + len(part)] for record, part in zip(RECORDS, found, strict=True)] == found


def test_single_lines_are_payloads() -> None:
    assert [*payloads(b"1\n2\n", "Line", "SingleRecord", MANY)] == [b"1\n", b"2\n"]


def test_without_a_split_the_object_is_the_payload() -> None:
    for strategy in ("MultiRecord", "SingleRecord"):
        assert [*payloads(FILE, "None", strategy, MANY)] == [FILE]


@pytest.mark.parametrize("split", ["None", "Line", "RecordIO"])
def test_a_record_that_is_larger_than_a_payload_is_refused(split: str) -> None:
    with pytest.raises(PayloadError, match=r"record \d has \d+ bytes, MaxPayloadInMB allows 3"):
        list(payloads(FILE, split, "MultiRecord", 3))


@pytest.mark.parametrize(
    "content", [FILE[:-1], b"\0" + FILE[1:]], ids=["truncated", "another magic"]
)
def test_what_is_no_recordio_is_refused(content: bytes) -> None:
    with pytest.raises(PayloadError, match="byte "):
        list(payloads(content, "RecordIO", "MultiRecord", MANY))
