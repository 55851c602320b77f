"""Documents as the bodies of requests."""

import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import sparse

from data_prep.errors import InputError
from data_prep.recordio import read_matrix
from local_aws.lda_image import word_counts
from topics.endpoint import payload
from topics.endpoint.payload import CONTENT_TYPES, write_requests


def counts(*rows: Sequence[float]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, np.float32))


DOCUMENTS = counts([1, 0, 3], [0, 0, 16777215], [0.1, 2.5, 0])


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("csv", b"1,0,3\n0,0,16777215\n0.100000001,2.5,0\n"),
        (
            "json-dense",
            (
                b'{"instances":[{"features":[1,0,3]},{"features":[0,0,16777215]},'
                b'{"features":[0.100000001,2.5,0]}]}'
            ),
        ),
        (
            "json-sparse",
            (
                b'{"instances":[{"data":{"features":{"keys":[0,2],"shape":[3],"values":[1,3]}}},'
                b'{"data":{"features":{"keys":[2],"shape":[3],"values":[16777215]}}},'
                b'{"data":{"features":{"keys":[0,1],"shape":[3],"values":[0.100000001,2.5]}}}]}'
            ),
        ),
    ],
)
def test_a_body_has_the_documented_form(form: str, body: bytes) -> None:
    (request,) = write_requests([DOCUMENTS], form)
    assert request.body == body
    assert request.asked == [True, True, True]


def test_recordio_holds_a_record_for_each_document() -> None:
    (request,) = write_requests([DOCUMENTS], "recordio")
    read = read_matrix(io.BytesIO(request.body))
    np.testing.assert_array_equal(read.toarray(), DOCUMENTS.toarray())


@pytest.mark.parametrize("form", CONTENT_TYPES)
def test_every_form_says_the_same_to_the_image(form: str) -> None:
    (request,) = write_requests([DOCUMENTS[:1], DOCUMENTS[1:]], form)
    read = word_counts.parse(request.body, CONTENT_TYPES[form].media, 3)
    np.testing.assert_array_equal(read.toarray(), DOCUMENTS.toarray())


@pytest.mark.parametrize("form", CONTENT_TYPES)
def test_documents_without_words_are_left_out_and_remembered(form: str) -> None:
    blocks = [counts([0, 0], [1, 2]), counts([0, 0]), counts([3, 0])]
    (request,) = write_requests(blocks, form)
    assert request.asked == [False, True, False, True]
    read = word_counts.parse(request.body, CONTENT_TYPES[form].media, 2)
    np.testing.assert_array_equal(read.toarray(), [[1, 2], [3, 0]])


@pytest.mark.parametrize("form", CONTENT_TYPES)
def test_a_request_without_any_words_has_no_body(form: str) -> None:
    assert list(write_requests([counts([0, 0])], form)) == [(b"", [False])]
    assert list(write_requests([], form)) == []


@pytest.mark.parametrize("form", CONTENT_TYPES)
def test_no_body_is_larger_than_it_may_be_and_none_could_hold_more(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut by bytes: each body is within the bound, and with the next document it would not be."""
    block = sparse.csr_array(np.random.default_rng(0).poisson(0.5, (60, 30)).astype(np.float32))
    assert (np.diff(block.indptr) > 0).all()
    monkeypatch.setattr(payload, "MAX_REQUEST_BYTES", 1000)
    requests = list(write_requests([block], form))
    assert sum(len(request.asked) for request in requests) == 60
    assert all(len(request.body) <= 1000 for request in requests)
    monkeypatch.setattr(payload, "MAX_REQUEST_BYTES", 10**6)
    first = 0
    for request in requests[:-1]:
        after = first + len(request.asked)
        (larger,) = write_requests([block[first : after + 1]], form)
        assert len(larger.body) > 1000
        first = after


def test_a_request_has_a_limited_number_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "MAX_REQUEST_DOCUMENTS", 3)
    requests = list(write_requests([counts([1], [0], [2], [3], [0], [0], [0], [4])], "csv"))
    assert requests == [
        (b"1\n2\n", [True, False, True]),
        (b"3\n", [True, False, False]),
        (b"4\n", [False, True]),
    ]


@pytest.mark.parametrize("form", CONTENT_TYPES)
def test_a_document_that_is_too_large_by_itself_is_named(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = counts([1] + [0] * 19, [123456789] * 20)
    monkeypatch.setattr(payload, "MAX_BODY_BYTES", 99)
    with pytest.raises(InputError, match=rf"document 2 takes \d\d\d bytes as {form}; .* most 99"):
        list(write_requests([long], form))


@pytest.mark.parametrize("form", CONTENT_TYPES)
def test_a_document_larger_than_a_common_request_goes_out_alone(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "MAX_REQUEST_BYTES", 1)
    assert [r.asked for r in write_requests([DOCUMENTS], form)] == [[True]] * 3


def test_a_body_stays_below_what_either_kind_of_endpoint_takes() -> None:
    assert payload.MAX_REQUEST_BYTES <= 4 * 1000 * 1000
    assert payload.MAX_BODY_BYTES <= 6291456


def test_json_numbers_are_json() -> None:
    (request,) = write_requests([counts([1e-7, 3e38])], "json-dense")
    features = json.loads(request.body)["instances"][0]["features"]
    assert features == [1.00000001e-07, 3.00000001e38]
