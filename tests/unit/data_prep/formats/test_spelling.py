"""What a word of raw text is, in any script."""

import re
import sys
from unicodedata import category

import pytest

from data_prep.corpus import Tally
from data_prep.formats.rawtext import count_texts
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.spelling import word_pattern

NUKTA = "\u0915\u093c\u0932\u092e"  # of Hindi, which NFC spells with two characters
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # with a joiner
MONGOLIAN = "\u182c\u1820\u1837\u180e\u1820"  # with a vowel separator
CHILLU = "\u0d05\u0d35\u0d28\u0d4d\u200d"  # of Malayalam; without the joiner another word


def words_of(text: str, vocabulary: list[str] | None = None) -> list[str]:
    """Return the words that are found, each as often as it is."""
    words, matrix = count_texts([text], "it", vocabulary, ReadOptions(), Tally())
    counts = matrix.counts
    return [
        words[id_]
        for id_, n in zip(counts.indices.tolist(), counts.data.tolist(), strict=True)
        for _ in range(int(n))
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat, a CAT", ["cat", "cat", "the"]),
        ("snake_case 3rd 42 x", ["3rd", "42", "snake_case"]),
        ("\u092e\u0947\u0902", ["\u092e\u0947\u0902"]),
        (f"{NUKTA}! \u0915\u0932", ["\u0915\u0932", NUKTA]),
        (f"({PERSIAN})", [PERSIAN]),
        ("a\u200db", ["a\u200db"]),
        ("ab\u200d \u200dcd", ["ab", "cd"]),
        (f"{MONGOLIAN} ab\u180e", ["ab", MONGOLIAN]),
        (f"{CHILLU}, {CHILLU[:-1]}\u200c", [CHILLU[:-1], CHILLU]),
        ("ab\u2060cd \ufeffab\u200ecd \u2067ab\u2069cd \u202babcd\u202c", ["abcd"] * 4),
        ("ab\u200bcd", ["ab", "cd"]),
        ("cafe\u0301 caf\xe9 CAFE\u0301", ["caf\xe9"] * 3),
        ("Donau\xaddampf donaudampf", ["donaudampf", "donaudampf"]),
        ("\u1112\u1161\u11ab \u1112\u1161\u11ab\u1100\u1173\u11af", ["\ud55c\uae00"]),
        ("1\ufe0f\u20e3 \U0001f469\u200d\U0001f467 ok", ["ok"]),
    ],
)
def test_words_are_letters_with_their_marks(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_given_vocabulary_finds_words_however_they_are_spelled() -> None:
    vocabulary = ["cafe\u0301", "Donau", "donau\xaddampf"]
    assert words_of("caf\xe9 donaudampf cafe\u0301", vocabulary) == [vocabulary[0]] * 2 + [
        vocabulary[2]
    ]


def test_a_given_vocabulary_finds_words_in_any_case() -> None:
    vocabulary = ["Paris", "\xc9COLE", "NATO"]
    assert words_of("PARIS paris \xc9cole", vocabulary) == ["Paris", "Paris", "\xc9COLE"]


def test_the_usual_spelling_of_a_vocabulary_wins() -> None:
    vocabulary = ["cafe\u0301", "caf\xe9", "Bar", "bar", "US", "Us"]
    assert words_of("cafe\u0301 Bar us", vocabulary) == ["caf\xe9", "bar", "US"]


def test_every_mark_of_unicode_belongs_to_a_word() -> None:
    pattern = re.compile(word_pattern())
    for mark in map(chr, range(sys.maxunicode + 1)):
        if category(mark) in ("Mn", "Mc") and mark not in "\ufe0e\ufe0f":
            assert pattern.fullmatch(f"a{mark}"), hex(ord(mark))
