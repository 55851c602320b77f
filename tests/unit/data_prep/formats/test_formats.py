"""What holds for all formats at once."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.convert import convert
from data_prep.errors import InputError
from data_prep.formats.known import FORMATS
from data_prep.formats.read_options import ReadOptions
from tests.support.written_corpora import WAYS, Rows, write_vocabulary

ROWS = [[2, 0, 1, 0, 0], [0, 0, 0, 0, 12], [1, 1, 0, 2, 3]]
_ENOUGH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
_REPOSITORY = Path(__file__).parents[4]
CASES = Path(os.environ.get("SHARED_DATA", _REPOSITORY.parent / "shared" / "data")).parent / "cases"
CASE_VOCABULARIES = {
    "ldac_numeric.dat": "num_vocab.txt",
    "format_chars.pairs": "format_chars_vocab.txt",
    "hindi.txt": "hindi_vocab.txt",
    "one_topic.txt": "one_vocab.txt",
    "one_word.txt": "one_word_vocab.txt",
    "big_counts.txt": "two_vocab.txt",
    "short_with_one.txt": "short_vocab.txt",
    "short_without.txt": "short_vocab.txt",
}


@st.composite
def counts(draw: st.DrawFn) -> Rows:
    """Some documents, each with a word, of which one has the last."""
    size = draw(st.integers(1, 6))
    count = st.sampled_from([0, 0, 1, 2, 9, 10, 137])
    rows = draw(
        st.lists(st.lists(count, min_size=size, max_size=size).filter(any), min_size=1, max_size=5)
    )
    rows[draw(st.integers(0, len(rows) - 1))][-1] = 3
    return rows


def prepare(corpus: Path, vocabulary: Path | None, options: ReadOptions) -> tuple[bytes, bytes]:
    """Return the bytes of the records and of the vocabulary that a conversion writes."""
    out = corpus.parent / "out"
    convert(corpus, vocabulary, out, options=options, test_fraction=0)
    return (out / "train.recordio").read_bytes(), (out / "vocab.txt").read_bytes()


def prepare_if_right(
    corpus: Path, vocabulary: Path | None, options: ReadOptions
) -> tuple[bytes, bytes] | None:
    """Return as `prepare`, or None if the corpus is refused in one line."""
    try:
        return prepare(corpus, vocabulary, options)
    except InputError as error:
        if len(str(error).splitlines()) > 1:
            raise
        return None


@given(rows=counts())
@_ENOUGH
def test_the_same_counts_give_the_same_bytes_in_every_format(tmp_path: Path, rows: Rows) -> None:
    vocabulary = write_vocabulary(tmp_path, len(rows[0]))
    corpus = tmp_path / "corpus"
    prepared = {}
    for name, (kind, write, options) in WAYS.items():
        corpus.write_bytes(write(rows))
        prepared[name] = prepare(corpus, vocabulary, ReadOptions(format=kind, **options))
    assert len(set(prepared.values())) == 1, prepared


@pytest.mark.parametrize("name", WAYS)
def test_every_format_is_told_from_its_content(tmp_path: Path, name: str) -> None:
    vocabulary = write_vocabulary(tmp_path, 5)
    (tmp_path / "pairs").write_bytes(WAYS["pairs"].write(ROWS))
    (tmp_path / "corpus").write_bytes(WAYS[name].write(ROWS))
    told = prepare(tmp_path / "corpus", vocabulary, ReadOptions(**WAYS[name].options))
    assert told == prepare(tmp_path / "pairs", vocabulary, ReadOptions(format="pairs"))


@pytest.mark.parametrize("wrong", FORMATS)
@pytest.mark.parametrize("name", WAYS)
def test_a_wrong_format_is_an_error_or_gives_the_right_counts(
    tmp_path: Path, name: str, wrong: str
) -> None:
    vocabulary = write_vocabulary(tmp_path, 5)
    (tmp_path / "pairs").write_bytes(WAYS["pairs"].write(ROWS))
    (tmp_path / "corpus").write_bytes(WAYS[name].write(ROWS))
    right = prepare(tmp_path / "pairs", vocabulary, ReadOptions())
    for words in (vocabulary, None):
        for options in ({}, WAYS[name].options):
            chosen = ReadOptions(format=wrong, **options)
            found = prepare_if_right(tmp_path / "corpus", words, chosen)
            assert found is None or found[0] == right[0]


@pytest.mark.parametrize("chosen", [None, *FORMATS])
def test_no_case_is_read_as_what_it_is_not(tmp_path: Path, chosen: str | None) -> None:
    """Files that were once read as nonsense, each with the vocabulary that fits it."""
    if not CASES.is_dir():
        pytest.skip("needs the folder of cases beside that of SHARED_DATA")
    for case in sorted(CASES.iterdir()):
        content = case.read_bytes()
        if "vocab" in case.name or case.name == "README.md":
            continue
        (tmp_path / case.name).write_bytes(content)
        vocabulary = CASES / CASE_VOCABULARIES.get(case.name, "vocab4.txt")
        options: dict[str, Any] = {"column": ("text",)} if case.suffix == ".csv" else {}
        for words in (vocabulary, None):
            right = prepare_if_right(tmp_path / case.name, words, ReadOptions(**options))
            for chosen_options in ({}, options):
                wrong = ReadOptions(format=chosen, **chosen_options)
                assert prepare_if_right(tmp_path / case.name, words, wrong) in (None, right), case


@pytest.mark.parametrize("name", ["npz csr", "npz dense", "npy", "recordio"])
def test_words_of_a_matrix_without_a_vocabulary_are_their_numbers(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "corpus").write_bytes(WAYS[name].write(ROWS))
    assert prepare(tmp_path / "corpus", None, ReadOptions())[1] == b"0\n1\n2\n3\n4\n"


@pytest.mark.parametrize(
    "name", ["recordio", "recordio in gzip", "csv", "jsonl", "text", "pairs", "docword", "npz csc"]
)
def test_a_folder_of_files_is_read_in_the_order_of_their_names(tmp_path: Path, name: str) -> None:
    vocabulary = write_vocabulary(tmp_path, 5)
    way = WAYS[name]
    parts = tmp_path / "parts"
    (parts / "more").mkdir(parents=True)
    (parts / "_SUCCESS").write_bytes(b"")
    (parts / ".crc").write_bytes(b"\x00")
    (parts / "more" / "part-2").write_bytes(way.write(ROWS[2:]))
    (parts / "b").write_bytes(way.write([[0, 0, 0, 0, 1]]))
    (parts / "a").write_bytes(way.write(ROWS[:2]))
    (tmp_path / "whole").write_bytes(WAYS["pairs"].write([*ROWS[:2], [0, 0, 0, 0, 1], *ROWS[2:]]))
    whole = prepare(tmp_path / "whole", vocabulary, ReadOptions())
    options: dict[str, Any] = {"format": "text" if name == "text" else None, **way.options}
    assert prepare(parts, vocabulary, ReadOptions(**options)) == whole
    first = prepare(parts, vocabulary, ReadOptions(limit=2, **options))
    assert first == prepare(tmp_path / "whole", vocabulary, ReadOptions(limit=2))
