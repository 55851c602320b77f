"""What the tests of the readers share."""

from collections.abc import Iterator

import numpy as np

from data_prep.corpus import Corpus, Tally
from data_prep.counts import Counts


def dense(corpus: Corpus, tally: Tally) -> list[list[float]]:
    """Return all documents as dense rows, and check what readers promise about their blocks."""
    rows = np.zeros((corpus.documents, corpus.vocabulary_size))
    for counts in read_all(corpus, tally):
        assert counts.shape == (counts.indptr.size - 1, corpus.vocabulary_size)
        assert counts.data.dtype == np.float32
        bounds = zip(counts.documents, counts.indptr[:-1], counts.indptr[1:], strict=True)
        for document, start, stop in bounds:
            assert start < stop
            assert (np.diff(counts.indices[start:stop]) > 0).all()
            assert not rows[document].any()
            rows[document, counts.indices[start:stop]] = counts.data[start:stop]
    result: list[list[float]] = rows.tolist()
    return result


def read_all(corpus: Corpus, tally: Tally) -> Iterator[Counts]:
    """Yield the blocks of all spans, and check that they are in order."""
    after = 0
    for span in corpus.spans:
        assert after <= span.first < span.after <= corpus.documents
        for counts in corpus.read(span, tally):
            assert after <= counts.documents[0]
            assert counts.documents[-1] < span.after
            assert (np.diff(counts.documents) > 0).all()
            after = int(counts.documents[-1]) + 1
            yield counts
