"""Preparing many files by an engine: here one that calls functions in order, in this process."""

import gzip
import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep import shards
from data_prep.cluster import Word, prepare
from data_prep.convert import convert
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.read_options import ReadOptions
from data_prep.manifest import Manifest, Source
from tests.support.written_corpora import WAYS, words, write_vocabulary


class Pickling:
    """An engine whose functions, items and results are pickled, as between processes."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        self.items += items
        return [pickled(pickled(function)(pickled(item))) for item in items]

    def keep(self, function: Callable[[Any], Any], items: Sequence[Any]) -> "Kept":
        return Kept(self, self.map(function, items))


class Kept:
    def __init__(self, engine: Pickling, results: list[Any]) -> None:
        self._engine = engine
        self._results = results

    def map(self, function: Callable[[Any], Any]) -> list[Any]:
        return [pickled(pickled(function)(result)) for result in self._results]

    def map_with(self, function: Callable[[Any, Any], Any], items: Sequence[Any]) -> list[Any]:
        self._engine.items += items
        pairs = zip(self._results, items, strict=True)
        return [pickled(pickled(function)(result, pickled(item))) for result, item in pairs]

    def add_up(
        self, words: Callable[[Any], Iterable[Word]], least: float, most: float
    ) -> list[Word]:
        in_texts, totals = Counter[str](), Counter[str]()
        for result in self._results:
            for word, (texts, total) in words(result):
                in_texts[word] += texts
                totals[word] += total
        found = [(word, (texts, totals[word])) for word, texts in in_texts.items()]
        return [each for each in reversed(found) if least <= each[1][0] <= most]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.fixture(autouse=True)
def shards_of_80_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 80)
    monkeypatch.setattr(lines, "SPAN_BYTES", 40)
    monkeypatch.setattr(lines, "BLOCK_BYTES", 16)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # of thousands of small files


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def both(
    corpus: Path, vocabulary: Path | None, out: Path, options: ReadOptions, **how: Any
) -> tuple[dict[str, bytes] | str, dict[str, bytes] | str]:
    """What `convert` and `prepare` write, or their errors."""
    found: list[dict[str, bytes] | str] = []
    for way in (with_convert, with_prepare):
        reported: list[str] = []
        target = out / way.__name__
        try:
            manifest = way(corpus, vocabulary, target, options, reported, **how)
        except InputError as error:
            found.append(str(error))
            assert not target.exists()
        else:
            assert Manifest.load(target) == manifest
            found.append(contents(target) | {"reported": "\n".join(reported).encode()})
    one, other = found
    return one, other


def with_convert(
    corpus: Path,
    vocabulary: Path | None,
    out: Path,
    options: ReadOptions,
    reported: list[str],
    **how: Any,
) -> Manifest:
    return convert(
        corpus, vocabulary, out, options=options, report=lambda e: reported.append(str(e)), **how
    )


def with_prepare(
    corpus: Path,
    vocabulary: Path | None,
    out: Path,
    options: ReadOptions,
    reported: list[str],
    **how: Any,
) -> Manifest:
    return prepare(
        corpus,
        words(3) if vocabulary else None,
        out,
        Pickling(),
        source=Source(corpus.name, "vocab.txt", None),
        options=options,
        report=lambda error: reported.append(str(error)),
        **how,
    )


ROWS = st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=1, max_size=40)
COUNTS = ["pairs", "pairs with zeros", "lda-c", "svmlight from 0", "svmlight from 1"]
TEXTS = ["text", "jsonl", "csv"]


@pytest.mark.parametrize("way", [*COUNTS, *TEXTS])
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=ROWS, data=st.data())
def test_what_is_prepared_has_the_bytes_of_convert(
    way: str, rows: list[list[int]], data: st.DataObject
) -> None:
    """Files, manifest and reports, and errors too, however the corpus is cut and packed."""
    written = WAYS[way]
    cuts = data.draw(st.sets(st.integers(0, len(rows)), max_size=6), "cuts")
    options = {"format": written.format, **written.options}
    if data.draw(st.booleans(), "is detected"):
        options.pop("format")
    is_given = way in COUNTS or data.draw(st.booleans(), "has a vocabulary")
    if not is_given:
        options["min_df"] = data.draw(st.sampled_from([1, 2, 0.2, 9]), "min_df")
        options["max_words"] = data.draw(st.sampled_from([None, 1, 2]), "max_words")
    how = {
        "test_fraction": data.draw(st.sampled_from([0, 0.3]), "fraction"),
        "seed": data.draw(st.sampled_from([None, 3]), "seed"),
        "min_words": data.draw(st.sampled_from([1, 9]), "min_words"),
    }
    with TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary = write_vocabulary(folder, 3)
        (folder / "files").mkdir()
        for start, stop in pairwise(sorted({0, len(rows), *cuts})):
            content = written.write(rows[start:stop]) + data.draw(
                st.sampled_from([b"", b"\n", b"bad \xff\n"] if written.format != "csv" else [b""])
            )
            if data.draw(st.booleans(), "packed"):
                content = gzip.compress(content)
            (folder / f"files/{start:03}").write_bytes(content)
        if data.draw(st.booleans(), "has an empty file"):
            (folder / "files/000-empty").touch()
        options["skip_bad"] = data.draw(st.integers(0, 3), "skip_bad")
        one, other = both(
            folder / "files",
            vocabulary if is_given else None,
            folder,
            ReadOptions(**options),
            **how,
        )
    assert other == one
