"""Read a document a line: a number, then id:count id:count ... with blanks between.

In Blei's lda-c the number is the number of pairs, and ids count from 0. In svmlight (libsvm) it is
a label, which is skipped, and ids count from 0 or from 1: both kinds of files exist. A line
may have several labels with commas between them, or none. There may be comments after a `#`, and
lines without a document.

Sources: the READMEs of lda-c 0.1 and of SVM-light 6.02; scikit-learn's `load_svmlight_file`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from data_prep.corpus import Span, Tally
from data_prep.counts import Counts
from data_prep.errors import InputError
from data_prep.formats import lines
from data_prep.formats.format import Format, Head
from data_prep.formats.lines import LineNumbers, decode, quote
from data_prep.formats.pairs import COUNT, join_documents, parse_block, parse_items
from data_prep.formats.read_options import DEFAULTS, ReadOptions

_ITEMS = rb"(?:[ \t]++[0-9]++:" + COUNT + rb")*+"
_LABEL = rb"[+-]?[0-9.]++(?:[eE][+-]?[0-9]++)?"
_LABELLED = re.compile(
    rb"#|" + _LABEL + rb"(?:," + _LABEL + rb")*+(?:[ \t]++qid:[0-9]++)?" + _ITEMS + rb"\s*(?:#|$)"
)
_COUNTED = re.compile(rb"[0-9]++" + _ITEMS + rb"$")

_COMMENT = re.compile(rb"#[^\n]*")
_QUERY = re.compile(rb"(?<=[ \t])qid:[0-9]+(?=\s)")
_NO_DOCUMENT = re.compile(rb"(?m)^[ \t\r]*\n")
_DOCUMENT = re.compile(rb"(?m)^[ \t]*[^\s#][^\n]*\n")
_FIRST_FIELD = re.compile(rb"(?m)^[ \t]*([^\s]+)[ \t]*")
_LAST_BLANKS = re.compile(rb"(?m)(?<![ \t\r])[ \t\r]+$")
_DECIMALS = re.compile(rb"(?<=\d)\.0*(?=[,\n])")
_BLANKS = re.compile(rb"[ \t]+")
_LABEL_FIELD = re.compile(_LABEL + rb"(?:," + _LABEL + rb")*")
_ID_0 = re.compile(rb"[ \t]0+:")


@dataclass(frozen=True)
class Labelled:
    """A corpus of such lines; memory is bounded by the longest line.

    Attributes:
        is_counted: Whether the first number of a line is the number of its pairs.
        first_id: The id of the first word.
    """

    promised: ClassVar[None] = None

    path: Path
    name: str
    vocabulary_size: int
    is_counted: bool
    first_id: int
    documents: int
    spans: list[Span]

    @classmethod
    def open_ldac(
        cls, path: Path, name: str, vocabulary_size: int, options: ReadOptions = DEFAULTS
    ) -> Self:
        """Open a file of lda-c; errors call it `name`.

        Raises:
            InputError: There are no documents.
        """
        spans = list(_cut(path, name, options.limit))
        return cls(path, name, vocabulary_size, True, 0, _count(spans, name), spans)

    @classmethod
    def open_svmlight(
        cls, path: Path, name: str, vocabulary_size: int, options: ReadOptions = DEFAULTS
    ) -> Self:
        """Open a file of svmlight; errors call it `name`.

        Raises:
            InputError: There are no documents, or the ids don't show what the first one is.
        """
        spans = list(_cut(path, name, options.limit))
        documents = _count(spans, name)
        first_id = options.first_id
        if first_id is None:
            first_id = _find_first_id(path, name, spans[-1].stop, vocabulary_size)
        return cls(path, name, vocabulary_size, False, first_id, documents, spans)

    def read(self, span: Span, tally: Tally) -> Iterator[Counts]:
        """Yield the documents of a span, as `Corpus.read`."""
        first = span.first
        numbers = LineNumbers(self.path)
        for offset, text in lines.read_blocks(self.path, span.start, span.stop, self.name):
            pairs = self._to_pairs(text)
            parsed = pairs and parse_block(pairs, first, self.vocabulary_size, self.first_id)
            counts, documents = parsed or self._parse_lines(text, first, numbers.at(offset), tally)
            if counts.shape[0]:
                yield counts
            first += documents

    def _to_pairs(self, text: bytes) -> bytes | None:
        """Return lines of id:count,id:count,..., a document each; None if a line is unusual."""
        if b"#" in text:
            text = _COMMENT.sub(b"", text)
        if b"qid" in text:
            text = _QUERY.sub(b"", text)
        text = _LAST_BLANKS.sub(b"", _NO_DOCUMENT.sub(b"", text))
        fields = _FIRST_FIELD.findall(text)
        pairs = _DECIMALS.sub(b"", _BLANKS.sub(b",", _FIRST_FIELD.sub(b"", text)))
        if not self.is_counted:
            return pairs if all(map(_LABEL_FIELD.fullmatch, fields)) else None
        found = [line.count(b":") for line in pairs.split(b"\n")[:-1]]
        is_good = all(field.isdigit() and len(field) < 19 for field in fields)
        return pairs if is_good and list(map(int, fields)) == found else None

    def _parse_lines(
        self, text: bytes, first: int, line_number: int, tally: Tally
    ) -> tuple[Counts, int]:
        """Parse lines one by one: slower, but knows where an error is."""
        documents = []
        for number, line in enumerate(text.split(b"\n")[:-1], line_number):
            if _DOCUMENT.match(line + b"\n"):
                try:
                    documents.append(self._parse_line(line, f"{self.name}:{number}"))
                except InputError as error:
                    tally.skip(error)
                    documents.append({})
        return join_documents(documents, first, self.vocabulary_size), len(documents)

    def _parse_line(self, line: bytes, place: str) -> dict[int, int]:
        text = decode(line, place).partition("#")[0]
        (start, field), *items = [
            (match.start() + 1, match[0]) for match in re.finditer(r"\S+", text, re.ASCII)
        ]
        if self.is_counted:
            if field != str(len(items)):
                raise InputError(
                    f"{place}:{start}: {quote(field)} must be the number of id:count pairs after "
                    f"it, {len(items)}"
                )
        elif start > 1 and ":" in field:  # there are no labels before the blank
            items = [(start, field), *items]
        elif not _LABEL_FIELD.fullmatch(field.encode()):
            raise InputError(f"{place}:{start}: {quote(field)} must be a label, a number")
        if not self.is_counted and items and re.fullmatch("qid:[0-9]+", items[0][1]):
            del items[0]
        return parse_items(items, self.vocabulary_size, self.first_id, place)


def _cut(path: Path, name: str, limit: int | None) -> Iterator[Span]:
    """Cut the lines of the first `limit` documents into spans."""
    with path.open("rb") as stream:
        start = stop = lines.text_start(stream)
        size = path.stat().st_size
    first = after = 0
    for offset, text in lines.read_blocks(path, start, size, name):
        documents = len(_DOCUMENT.findall(text))
        stop = min(offset + len(text), size)
        if limit is not None and after + documents >= limit:
            ends = [match.end() for match in _DOCUMENT.finditer(text)]
            stop = min(offset + ends[limit - after - 1], size)
            documents = limit - after
        after += documents
        if stop - start >= lines.SPAN_BYTES:
            if after > first:
                yield Span(start, stop, first, after)
            start, first = stop, after
        if after == limit:
            break
    if after > first:
        yield Span(start, stop, first, after)


def _count(spans: list[Span], name: str) -> int:
    if not spans:
        raise InputError(f"{name}: the file has no documents")
    return spans[-1].after


def _find_first_id(path: Path, name: str, stop: int, vocabulary_size: int) -> int:
    last = re.compile(rb"[ \t]0*%d:" % vocabulary_size)
    found = None
    for _, text in lines.read_blocks(path, 0, stop, name):
        if _ID_0.search(text):
            return 0
        if found is None and last.search(text):
            found = 1
    if found is None:
        raise InputError(
            f"{name}: no id is 0 or {vocabulary_size}, so ids may count from 0 or from 1; "
            "--first-id says which"
        )
    return found


def _is_counted(line: bytes) -> bool:
    return _COUNTED.match(line) is not None and int(line.split(None, 1)[0][:18]) == line.count(b":")


def _has_labels(head: Head) -> bool:
    return b":" in b"".join(head.lines) and head.mostly(_LABELLED)


def _has_counts_of_pairs(head: Head) -> bool:
    return _has_labels(head) and 2 * sum(map(_is_counted, head.lines)) > len(head.lines)


LDAC = Format(
    name="ldac",
    description="Blei's lda-c: N id:count ... with ids from 0",
    matches=_has_counts_of_pairs,
    open=Labelled.open_ldac,
)
SVMLIGHT = Format(
    name="svmlight",
    description="label id:count ..., as libsvm",
    matches=_has_labels,
    open=Labelled.open_svmlight,
)
