"""Draw a large corpus with word frequencies like those of a language: for measurements.

    python benchmarks/zipf_corpus.py FOLDER [DOCUMENTS [VOCABULARY]]

Writes `corpus.txt` (a document a line, id:count,...), `docword.txt` (UCI Bag-of-Words) and
`vocab.txt`. Equal arguments give equal bytes. With the defaults, the size of the New York Times
corpus of the UCI collection, that takes about two minutes and 1.5 GB.
"""

import sys
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

DOCUMENTS, VOCABULARY = 300_000, 102_660
_MEAN_TOKENS = 342  # a document; about 235 different words
_SPREAD = 0.6  # of the logarithm of a document's length
_RANK_OFFSET = 1  # of the most frequent word
_BATCH = 1000  # documents


def write_corpus(folder: Path, documents: int = DOCUMENTS, vocabulary: int = VOCABULARY) -> None:
    """Write the three files of a corpus into a folder that is there."""
    words = "".join(f"word{number}\n" for number in range(1, vocabulary + 1))
    (folder / "vocab.txt").write_text(words, encoding="utf-8")
    rng = np.random.default_rng(1)
    # The header has the number of triples, which is known last: it is padded with blanks.
    with (folder / "corpus.txt").open("w") as lines, (folder / "docword.txt").open("w") as triples:
        triples.write(f"{documents}\n{vocabulary}\n")
        place = triples.tell()
        triples.write(f"{0:<12}\n")
        total = 0
        frequencies = _word_frequencies(vocabulary, rng)
        for first in range(0, documents, _BATCH):
            batch = _draw_documents(min(_BATCH, documents - first), frequencies, rng)
            for number, (ids, counts) in enumerate(batch, first + 1):
                _write_document(number, ids.tolist(), counts.tolist(), lines, triples)
                total += ids.size
        triples.seek(place)
        triples.write(f"{total:<12}\n")


def _word_frequencies(vocabulary: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the cumulated probabilities of the words: Zipf's law, ranks in no order."""
    weights = 1 / (_RANK_OFFSET + rng.permutation(vocabulary))
    cumulated: NDArray[np.float64] = np.cumsum(weights / weights.sum())
    return cumulated


def _draw_documents(
    documents: int, frequencies: NDArray[np.float64], rng: np.random.Generator
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the word ids from 1, ascending, and the counts of each document."""
    location = np.log(_MEAN_TOKENS) - _SPREAD**2 / 2
    lengths = np.maximum(1, rng.lognormal(location, _SPREAD, documents).astype(np.int64))
    tokens = np.searchsorted(frequencies, rng.random(lengths.sum()) * frequencies[-1])
    bounds = np.cumsum(lengths)[:-1]
    drawn = [np.unique(each, return_counts=True) for each in np.split(tokens, bounds)]
    return [(ids + 1, counts) for ids, counts in drawn]


def _write_document(
    number: int, ids: list[int], counts: list[int], lines: TextIO, triples: TextIO
) -> None:
    pairs = list(zip(ids, counts, strict=True))
    lines.write(",".join([f"{word}:{count}" for word, count in pairs]) + "\n")
    triples.write("".join([f"{number} {word} {count}\n" for word, count in pairs]))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_corpus(target, *map(int, sys.argv[2:]))
