"""Prepare a corpus of many files with an engine that has many processes.

The result has the bytes of `convert` of the same folder. There are two passes: the first one counts
documents, and the words of raw text. Then the split is drawn and the vocabulary chosen here, and
the second pass writes the documents; of raw text, it needs the counts alone.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import accumulate, chain
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from data_prep.batches import (
    CountsBatch,
    Failure,
    Reading,
    Safe,
    Target,
    TextsBatch,
    TextsToEncode,
    count_batch,
    describe,
    encode_counts,
    encode_texts,
    frequencies,
    measure,
    open_counts,
)
from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.files import staging
from data_prep.formats import textlines
from data_prep.formats.any_format import (
    CHECKED_FILES,
    check_content,
    choose_files,
    detect,
    given_format,
    has_no_words,
    needs_vocabulary,
    refuse_idle_options,
    with_guess,
)
from data_prep.formats.chain import Chain
from data_prep.formats.format import Format, Head
from data_prep.formats.rawtext import choose_words, document_bounds
from data_prep.formats.read_options import DEFAULTS, ReadOptions
from data_prep.inputs import Input, list_inputs, unchanged
from data_prep.manifest import Manifest, Part, Source, Split
from data_prep.prepared import complete, publish
from data_prep.s3 import S3Folder
from data_prep.shards import PARTS, Encoded, batches, gather, group, names_of_shards
from data_prep.split import held_out
from data_prep.stored import put_files, refuse_used
from data_prep.vocabulary import NumberedWords

FORMATS = ("pairs", "ldac", "svmlight", "text", "folder", "jsonl", "csv")

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Kept = TypeVar("_Kept", covariant=True)
Word = tuple[str, tuple[int, int]]
"""A word, in how many texts it is, and how often it occurs."""


class Kept(Protocol[_Kept]):
    """Results of a function, which stay in the processes of an engine."""

    def map(self, function: Callable[[_Kept], _Result]) -> list[_Result]:
        """Return what a function returns for each, in order."""

    def map_with(
        self, function: Callable[[_Kept, _Item], _Result], items: Sequence[_Item]
    ) -> list[_Result]:
        """Return what a function returns for each with an item of its own, in order."""

    def add_up(
        self, words: Callable[[_Kept], Iterable[Word]], least: float, most: float
    ) -> list[Word]:
        """Add up the words of all; return those that are in `least` to `most` texts."""


class Engine(Protocol):
    """What calls functions in many processes; each call has one item."""

    def map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Return what a function returns for each item, in order."""

    def keep(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Kept[_Result]:
        """Call a function with each item once, and keep the results."""


def prepare(
    corpus: Path | S3Folder,
    words: Sequence[str] | None,
    out: Path | S3Folder,
    engine: Engine,
    *,
    source: Source,
    options: ReadOptions = DEFAULTS,
    test_fraction: float = 0.05,
    seed: int | None = None,
    min_words: int = 1,
    report: Callable[[InputError], None] = lambda _: None,
) -> Manifest:
    """Prepare a corpus.

    Args:
        corpus: A folder of files of one of `FORMATS`, or a file.
        words: The vocabulary; None to use the words of the raw text.
        out: The folder to write to, which all processes can reach. If it is in S3, there must be
            no prepared corpus in it.
        engine: Does the work.
        source: What the manifest says of the source.
        options: How to read the corpus, without a limit.
        test_fraction: As for `convert`.
        seed: As for `convert`.
        min_words: As for `convert`.
        report: Called for each bad line that was left out, after everything is written.

    Raises:
        InputError: The corpus can't be used, or `out` is in use; no manifest is written.
        OSError: A file can't be read or written.
    """
    name = str(corpus)
    if isinstance(out, S3Folder):
        refuse_used(out)
    listed = list_inputs(corpus)
    chosen, files = _choose_files(corpus, listed, options)
    is_detected, guess = chosen is None, None
    if chosen is None:
        chosen, guess = _detect(files, name)
    try:
        if chosen.name not in FORMATS:
            raise InputError(
                f"{name}: the format {chosen.name} is read by one machine: `python -m data_prep "
                f"convert`; a cluster reads {', '.join(FORMATS)}"
            )
        refuse_idle_options(chosen, name, words is not None, options)
        if words is None and not chosen.texts:
            raise needs_vocabulary(chosen, name)
        # For counts, no task needs the words themselves.
        known_words = words if words is None or chosen.texts else NumberedWords(len(words))
        reading = Reading(name, known_words, replace(options, format=chosen.name))
        with _staged(out) as staged:
            shared = staged if isinstance(out, Path) else out
            writing = _Writing(shared, Split(test_fraction, seed), min_words)
            with unchanged(listed, corpus):
                if chosen.texts:
                    words, encoded = _prepare_texts(reading, files, is_detected, writing, engine)
                else:
                    encoded = _prepare_counts(reading, files, writing, engine)
                manifest = complete(
                    staged,
                    encoded,
                    name=name,
                    source=source,
                    split=writing.split,
                    words=words or (),
                    min_words=min_words,
                    files=partial(_shards_here, out, staged),
                )
            if isinstance(out, Path):
                publish(manifest, staged, out)
            else:
                _upload(manifest, staged, out)
    except InputError as error:
        raise with_guess(error, guess) from None
    for bad in encoded.tally.bad:
        report(bad)
    return manifest


class _Writing(NamedTuple):
    """What to write, and where."""

    out: Path | S3Folder
    split: Split
    min_words: int

    def testing(self, documents: int) -> NDArray[np.bool_]:
        """Return which of so many documents are for testing, as a mask (documents,)."""
        return held_out(documents, self.split.test_fraction, self.split.seed)

    def target(self, shards: int, allowed: int) -> Target:
        """Return the target of all tasks.

        Raises:
            InputError: In S3 there are documents that this run would not overwrite.
        """
        if isinstance(self.out, Path):
            for part in PARTS:
                (self.out / part).mkdir()
        else:
            _refuse_others(self.out, chain(*names_of_shards(0, shards, shards)))
        return Target(self.out, shards, self.min_words, allowed)


def _choose_files(
    corpus: Path | S3Folder, listed: Sequence[Input], options: ReadOptions
) -> tuple[Format | None, list[Input]]:
    chosen = given_format(options)
    if isinstance(corpus, Path) and not corpus.is_dir():
        if chosen is textlines.FOLDER:
            raise InputError(f"{corpus}: the format folder is for a folder of texts")
        return chosen, list(listed)
    inputs = {each.name: each for each in listed}
    given = chosen
    chosen, names = choose_files(list(inputs), str(corpus), given)
    files = [inputs[name] for name in names]
    if chosen is not given:
        with files[0].open() as file:
            check_content(file, textlines.FOLDER, is_guess=True)
    return chosen, files


def _detect(files: Sequence[Input], name: str) -> tuple[Format, Format | None]:
    """Return the format of the first file that is not empty; a second time if it is a guess."""
    for each in files:
        with each.open_plain() as file:
            if file.path.stat().st_size or each is files[-1]:
                head = Head.read(file.path)
                chosen, is_guess = detect(head, file.name, name, is_several=len(files) > 1)
                return chosen, chosen if is_guess else None
    raise InputError("there is no file")


def _prepare_counts(
    reading: Reading, files: Sequence[Input], writing: _Writing, engine: Engine
) -> Encoded:
    found = engine.map(Safe(partial(open_counts, reading)), _chunks(files))
    opened = chain.from_iterable(_checked(found))
    there = [(file, part) for file, part in zip(files, opened, strict=True) if part is not None]
    if not there:
        raise InputError(f"{reading.name}: there is no document")
    sizes = (sum(span.stop - span.start for span in part.spans) for _, part in there)
    cut = [there[batch.start : batch.stop] for batch in batches(sizes)]
    shards = [len(group(Chain(reading.name, [p for _, p in batch]).spans)) for batch in cut]
    documents = [sum(part.documents for _, part in batch) for batch in cut]
    testing = writing.testing(sum(documents))
    items = [
        CountsBatch(
            [file for file, _ in batch],
            [part for _, part in batch],
            first,
            testing[first : first + number],
            shard,
        )
        for batch, first, number, shard in zip(
            cut, _starts(documents), documents, _starts(shards), strict=True
        )
    ]
    allowed = reading.options.skip_bad
    target = writing.target(sum(shards), allowed)
    done = engine.map(Safe(partial(encode_counts, reading, target)), items)
    return gather(chain.from_iterable(_checked(done)), testing.size, Tally(allowed))


def _prepare_texts(
    reading: Reading,
    files: Sequence[Input],
    is_detected: bool,
    writing: _Writing,
    engine: Engine,
) -> tuple[Sequence[str], Encoded]:
    if reading.format is textlines.FOLDER:  # never packed, and an empty file is a document
        sizes = [file.bytes for file in files]
    else:
        sizes = list(chain.from_iterable(_checked(engine.map(Safe(measure), _chunks(files)))))
        filled = [at for at, size in enumerate(sizes) if size] or [0]
        files, sizes = [files[at] for at in filled], [sizes[at] for at in filled]
    checked = 0 if is_detected else CHECKED_FILES
    cut = [
        TextsBatch(files[batch.start : batch.stop], max(0, checked - batch.start))
        for batch in batches(sizes)
    ]
    kept = engine.keep(Safe(partial(count_batch, reading)), cut)
    tally = Tally(reading.options.skip_bad)
    found = []
    for each in tally.following(_checked(kept.map(Safe(describe)))):
        tally.extend(each.tally)
        found.append(each)
    documents = [each.documents for each in found]
    is_guess = is_detected and reading.format is textlines.TEXT
    if is_guess and reading.words is not None and not any(each.nonzeros for each in found):
        raise has_no_words(reading.name)
    testing = writing.testing(sum(documents))
    words = reading.words
    if words is None:
        bounds = document_bounds(testing.size, reading.options)
        totals = sorted(kept.add_up(frequencies, *bounds))
        words = choose_words(
            [word for word, _ in totals],
            np.array([numbers for _, numbers in totals], np.int64).reshape(-1, 2).T,
            testing.size,
            reading.name,
            reading.options,
        )
    shards = [int(number > 0) for number in documents]
    items = [
        TextsToEncode(first, testing[first : first + number], shard) if number else None
        for first, number, shard in zip(_starts(documents), documents, _starts(shards), strict=True)
    ]
    target = writing.target(sum(shards), 0)
    done = kept.map_with(Safe(partial(encode_texts, reading, target, words)), items)
    return words, gather(chain.from_iterable(_checked(done)), testing.size, tally)


def _chunks(files: Sequence[Input]) -> list[Sequence[Input]]:
    """Return files in groups that are worth a task."""
    return [files[batch.start : batch.stop] for batch in batches(file.bytes for file in files)]


def _starts(sizes: Sequence[int]) -> list[int]:
    return list(accumulate(sizes, initial=0))[:-1]


def _checked(results: Iterable[_Result | Failure]) -> Iterator[_Result]:
    """Yield results.

    Raises:
        InputError: One is a failure because of bad input.
        OSError: One is another failure.
    """
    for result in results:
        if isinstance(result, Failure):
            raise result.error()
        yield result


@contextmanager
def _staged(out: Path | S3Folder) -> Iterator[Path]:
    with staging(out) if isinstance(out, Path) else tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _shards_here(out: Path | S3Folder, staged: Path, part: Part) -> Iterator[Path]:
    """Yield the files of a part; those in S3 are copied to this machine."""
    for file in part.files:
        path = staged / file.file
        if isinstance(out, S3Folder):
            path.parent.mkdir(exist_ok=True)
            out.download(file.file, path)
        yield path


def _upload(manifest: Manifest, staged: Path, out: S3Folder) -> None:
    """Write all files but the documents, which are there, to S3; the manifest last."""
    _refuse_others(out, (file.file for file in manifest.shards))
    manifest.write(staged)
    put_files(staged, manifest.others, out)


def _refuse_others(out: S3Folder, names: Iterable[str]) -> None:
    """Check that no file that an earlier run left would be taken for one of these documents."""
    folders = tuple(f"{part}/" for part in PARTS)
    others = {file.name for file in out.list() if file.name.startswith(folders)} - set(names)
    if others:
        raise InputError(
            f"{out}/{min(others)}: this file is left of another run, and would be trained on; "
            f"`aws s3 rm --recursive {out}` deletes all files of the folder"
        )
