"""All formats, and how a format is detected."""

from data_prep.errors import InputError
from data_prep.formats import (
    csvtable,
    jsonl,
    labelled,
    matrix_market,
    npz,
    pairs,
    records,
    textlines,
    triples,
)
from data_prep.formats.format import Format, Head
from data_prep.formats.unsupported import check_is_supported, find_unsupported

_FORMATS = (  # a file that looks like several formats is of the first one
    npz.NPZ,
    npz.NPY,
    records.FORMAT,
    matrix_market.FORMAT,
    triples.DOCWORD,
    pairs.FORMAT,
    labelled.LDAC,
    labelled.SVMLIGHT,
    jsonl.FORMAT,
    csvtable.FORMAT,
    textlines.TEXT,
    textlines.FOLDER,
)
_LEAST_LETTERS = 0.1  # of the characters of what is text because options say so
FORMATS = {each.name: each for each in _FORMATS}
DESCRIPTION = "; ".join(f"{each.name}: {each.description}" for each in _FORMATS)


def detect(head: Head, name: str) -> Format:
    """Detect the format of a file from its start.

    Raises:
        InputError: It looks like no format that is read.
    """
    if head.whole and not head.lines:
        raise InputError(f"{name}: the file has no documents")
    unsupported = find_unsupported(head)
    is_certain = unsupported is not None and not unsupported.may_be_text
    counts = (each for each in _FORMATS if each.open and (each.is_signed or not is_certain))
    found = next((each for each in counts if each.matches(head)), None)
    if found is None and unsupported:
        raise InputError(
            f"{name}: this looks like {unsupported.what}, which is not read;"
            f" {unsupported.advice}"
            + ("; --format overrules this guess" if unsupported.may_be_text else "")
        )
    found = found or next((each for each in _FORMATS if each.texts and each.matches(head)), None)
    if found is None:
        raise InputError(
            f"{name}: this is neither word counts of a known format nor prose; --format says what "
            "it is"
        )
    return found


def check_is_text(head: Head, name: str, counts_alone: bool = False) -> None:
    """Check that a file that is to be read as text is not certainly something else.

    Args:
        head: The start of the file.
        name: What errors call it.
        counts_alone: Whether to allow other formats of text, such as JSON Lines.

    Raises:
        InputError: It is something else.
    """
    if not head.lines:
        return
    for each in _FORMATS:
        if (
            each is not textlines.TEXT
            and (each.open or not counts_alone)
            and each.excludes_prose(head)
        ):
            raise InputError(f"{name}: this is not text; it looks like the format {each.name}")
    check_is_supported(head, name, "text")
    if not counts_alone and textlines.share_of_letters(head) < _LEAST_LETTERS:
        raise InputError(f"{name}: this is not text: there are hardly any letters at its start")
