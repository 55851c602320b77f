"""What a word of raw text is, and when two words are the same.

A word is two or more letters, digits and underscores. Marks above, below or after a letter belong
to the word: most scripts of India have them, and Arabic may. So do joiners, which say how the
letters of a Persian, Hindi or Mongolian word join. Words are the same if they look the same in
lower case: both of Unicode's spellings of an accent are equal, and characters that only say where a
line may break, or in which direction text runs, are ignored.

Sources: Unicode Standard Annexes 15 (normalisation) and 29 (word boundaries, rule 4); the Unicode
Standard, sections 12.9 (chillu forms of Malayalam) and 13.5 (Mongolian vowel separator).
"""

import re
from functools import cache
from itertools import chain
from unicodedata import category, combining, normalize

_HAVE_MARKS = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))  # there are none elsewhere
_EMOJI_STYLES = "\ufe0e\ufe0f"  # marks of pictures, and of the digits in keycaps
_JOINERS = "\u180e\u200c\u200d"
_ZERO_WIDTH_JOINER = "\u200d"
_VIRAMA = 9  # the combining class of the marks that take the vowel from a letter
# The soft hyphen, the word joiner and its old form, which is also the byte order mark; then marks,
# embeddings and isolates of direction.
_IGNORED = re.compile("[\u00ad\u2060\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


@cache  # it looks at 130,000 characters
def word_pattern() -> str:
    """Return a regular expression for a word."""
    marks = "".join(
        character
        for character in map(chr, chain(*_HAVE_MARKS))
        if category(character) in ("Mn", "Mc") and character not in _EMOJI_STYLES
    )
    viramas = "".join(mark for mark in marks if combining(mark) == _VIRAMA)
    part = rf"[\w{marks}]"
    # At the end of a word, a joiner changes the look of a letter without its vowel alone.
    end = rf"(?:(?<=[{viramas}]){_ZERO_WIDTH_JOINER})?"
    return rf"\w(?=[{_JOINERS}]*{part}){part}*(?:[{_JOINERS}]+{part}+)*{end}"


def same_spelling(text: str) -> str:
    """Return a text in which equal words have equal characters."""
    text = text.lower()
    return text if text.isascii() else normalize("NFC", _IGNORED.sub("", text))
