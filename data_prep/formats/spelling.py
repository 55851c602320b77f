"""What a word of raw text is, and when two words are the same.

A word is two or more letters, digits and underscores. Marks above, below or after a letter belong
to the word: most scripts of India have them, and Arabic may. So do joiners, which say how the
letters of a Persian or Hindi word join. Words are the same if they look the same: both of Unicode's
spellings of an accent are equal, and soft hyphens are ignored.

Sources: Unicode Standard Annexes 15 (normalisation) and 29 (word boundaries, rule 4).
"""

from functools import cache
from itertools import chain
from unicodedata import category, normalize

_HAVE_MARKS = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))  # there are none elsewhere
_EMOJI_STYLES = "\ufe0e\ufe0f"  # marks of pictures, and of the digits in keycaps
_JOINERS = "\u200c\u200d"
_SOFT_HYPHEN = "\u00ad"


@cache  # it looks at 130,000 characters
def word_pattern() -> str:
    """Return a regular expression for a word."""
    marks = "".join(
        character
        for character in map(chr, chain(*_HAVE_MARKS))
        if category(character) in ("Mn", "Mc") and character not in _EMOJI_STYLES
    )
    part = rf"[\w{marks}]"
    return rf"\w(?=[{_JOINERS}]*{part}){part}*(?:[{_JOINERS}]+{part}+)*"


def same_spelling(text: str) -> str:
    """Return a text in which equal words have equal characters, except for case."""
    if text.isascii():
        return text
    return normalize("NFC", text.replace(_SOFT_HYPHEN, ""))
