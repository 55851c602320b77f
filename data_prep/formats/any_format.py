"""Open a corpus of any format: a file, a folder, standard input; also in gzip."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import accumulate, islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from data_prep.corpus import Corpus, Span, Tally
from data_prep.errors import InputError
from data_prep.formats import csvtable, jsonl, known, textlines
from data_prep.formats.chain import Chain
from data_prep.formats.format import Format, Head, OpenCounts, ReadTexts
from data_prep.formats.plain_file import STANDARD_INPUT, plain_file
from data_prep.formats.rawtext import count_texts
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.unsupported import check_is_supported
from data_prep.manifest import MANIFEST
from data_prep.shards import batches
from data_prep.vocabulary import NumberedWords, read_vocabulary

CHECKED_FILES = 20  # of a folder of texts, whether they are texts
_MAX_NUMBERED_WORDS = 1 << 22


class File(NamedTuple):
    """A file to read: its plain content, its name in errors, and the folder that was named."""

    path: Path
    name: str
    folder: Path | None = None

    def leads_out(self) -> bool:
        """Return whether the file is a link to a file outside the folder."""
        folder = self.folder
        return folder is not None and not self.path.resolve().is_relative_to(folder.resolve())

    def target(self) -> Path:
        """Return the file to read.

        Raises:
            InputError: It is a link to a file outside the folder.
        """
        if self.leads_out():
            raise InputError(
                f"{self.name}: the link leads out of the folder {self.folder}; copy the file"
            )
        # Resolved now, so that the file that is checked is the file that is read.
        return self.path if self.folder is None else self.path.resolve()


@contextmanager
def open_corpus(
    path: Path,
    vocabulary: Path | Sequence[str] | None,
    options: ReadOptions,
    *,
    files: Sequence[Path] = (),
    makes_words: bool = True,
) -> Iterator[tuple[Sequence[str], Corpus]]:
    """Open a corpus; standard input and gzip are kept in temporary files until the end.

    Args:
        path: A file, a folder, or `STANDARD_INPUT`.
        vocabulary: The words, or a file with a word a line; None to use the words of raw text,
            and to number the words of a matrix from 0.
        options: How to read.
        files: The files to read of a folder; by default all.
        makes_words: Whether words are to be made up where there is no vocabulary: of raw text, or
            as numbers that a vocabulary file has room for.

    Yields:
        The vocabulary and the documents.

    Raises:
        InputError: There is no corpus, or no vocabulary for it. If the format was guessed and
            reading fails later, the error says so. At the end: a file was changed meanwhile.
    """
    name = name_of(path)
    guess = None
    try:
        with ExitStack() as stack:
            try:
                chosen, found, is_guess = _choose(path, name, files, options, stack)
                refuse_idle_options(chosen, name, vocabulary is not None, options)
                words = read_vocabulary(vocabulary) if isinstance(vocabulary, Path) else vocabulary
                guess = chosen if is_guess else None
                opened = _open(chosen, found, name, words, options, makes_words)
                if is_guess and chosen is textlines.TEXT and words is not None:
                    _check_has_words(opened[1], options.skip_bad)
            except OSError as error:
                raise InputError(f"{name}: {error.strerror or error}") from None
            yield opened
    except InputError as error:
        # Another corpus may be read meanwhile, with an error and a guess of its own.
        raise with_guess(error, guess if str(error).startswith(name) else None) from None


def name_of(corpus: Path) -> str:
    """Return the name of a corpus in errors."""
    return "standard input" if corpus == STANDARD_INPUT else str(corpus)


def with_guess(error: InputError, guess: Format | None) -> InputError:
    """Return an error that says which format was guessed, if one was."""
    told = "" if guess is None else f" (the format {guess.name} is a guess; --format overrules it)"
    return error if told in str(error) else InputError(f"{error}{told}")


def _choose(
    path: Path, name: str, given: Sequence[Path], options: ReadOptions, stack: ExitStack
) -> tuple[Format, Sequence[File], bool]:
    """Return the format, the files to read, and whether the format is a guess."""
    chosen = given_format(options)
    if not path.is_dir():
        if chosen is textlines.FOLDER:
            raise InputError(f"{name}: the format folder is for a folder of texts")
        files = [File(path, name)]
    elif given and chosen is not textlines.FOLDER:
        files = [File(file, str(file)) for file in given]
    else:
        names = [f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file()]
        chosen, names = choose_files(names, name, chosen)
        files = [File(path / each, str(path / each), path) for each in names]
    is_several = len(files) > 1
    if chosen is not textlines.FOLDER:
        files = [
            File(stack.enter_context(plain_file(file.target(), file.name)), file.name)
            for file in files
        ]
        # Spark writes empty files among others.
        files = [file for file in files if file.path.stat().st_size] or files[:1]
    if chosen is None:
        head = Head.read(files[0].path)
        chosen, is_guess = detect(head, files[0].name, name, is_several=is_several)
        return chosen, files, is_guess
    for number, file in enumerate(files[:CHECKED_FILES]):
        check_content(file, chosen, is_guess=not number and not given_format(options))
    return chosen, files, False


def given_format(options: ReadOptions) -> Format | None:
    """Return the format that options name or imply."""
    if options.format is not None:
        return known.FORMATS[options.format]
    if options.field:
        return jsonl.FORMAT
    return csvtable.FORMAT if options.column else None


def check_content(file: File, chosen: Format, is_guess: bool = False) -> None:
    """Check that a file is not certainly something else than what it is read as.

    A `.txt` file of a folder may be JSON or a table, but not if the format `folder` is a guess.

    Raises:
        InputError: It is something else.
    """
    if chosen.is_signed or file.leads_out():  # such a link is reported when the file is read
        return
    head = Head.read(file.path)
    if chosen not in (textlines.TEXT, textlines.FOLDER):
        check_is_supported(head, file.name, f"of the format {chosen.name}")
        return
    try:
        is_named = chosen is textlines.FOLDER and file.name.lower().endswith(".txt")
        known.check_is_text(head, file.name, counts_alone=is_named and not is_guess)
    except InputError as error:
        raise with_guess(error, chosen if is_guess else None) from None


def detect(head: Head, file: str, corpus: str, *, is_several: bool) -> tuple[Format, bool]:
    """Return the format of a corpus, and whether it is a guess.

    Args:
        head: The start of its first file that is not empty.
        file: What errors call this file.
        corpus: What errors call the corpus.
        is_several: Whether the corpus has several files.

    Raises:
        InputError: The format is not known, or there are several texts, where a document may be a
            file or a line.
    """
    chosen = known.detect(head, file)
    if chosen is textlines.TEXT and is_several:
        raise InputError(
            f"{corpus}: the files look like text; --format folder makes a document of each file, "
            "and --format text of each line"
        )
    return chosen, chosen.is_guess(head)


def choose_files(
    names: Sequence[str], folder: str, chosen: Format | None
) -> tuple[Format | None, list[str]]:
    """Choose the files of a corpus among all files of a folder and the folders in it.

    Args:
        names: The files, by their paths in the folder.
        folder: The name of the folder in errors.
        chosen: The format that options name; None to read `.txt` files as texts if there are any.
            Of the format `folder` are the `.txt` files, or all files if there are none.

    Returns:
        The format, if it is known now, and the files sorted by path. Hidden files and markers are
        no files of a corpus.

    Raises:
        InputError: There are none, `convert` wrote the folder, or only some are `.txt` files.
    """
    if MANIFEST in names:
        raise InputError(
            f"{folder}: this corpus is prepared already; name the file or folder of its train or "
            "test documents, such as train.recordio"
        )
    shown = [name for name in names if not PurePosixPath(name).name.startswith(".")]
    texts = [name for name in names if name.lower().endswith(".txt")]
    found = [name for name in shown if not PurePosixPath(name).name.startswith("_")]
    if chosen is None and texts:
        chosen = textlines.FOLDER
        others = sorted(set(found).difference(texts))
        if others:
            raise InputError(
                f"{folder}: besides .txt files there are others, such as {others[0]}; name one "
                "file, or --format folder reads the .txt files alone"
            )
    if chosen is textlines.FOLDER:
        found = texts or found
    if not found:
        raise InputError(f"{folder}: there is no file in the folder")
    return chosen, sorted(found, key=PurePosixPath)


def _open(
    chosen: Format,
    files: Sequence[File],
    name: str,
    words: Sequence[str] | None,
    options: ReadOptions,
    makes_words: bool,
) -> tuple[Sequence[str], Corpus]:
    if words is None and not (chosen.knows_words or (chosen.texts and makes_words)):
        raise needs_vocabulary(chosen, name)
    if chosen.texts:
        return _read_texts(chosen.texts, files, name, words, options)
    if chosen.open:
        corpus = _open_counts(chosen.open, files, name, words, options)
        return words or _number_words(corpus, makes_words), corpus
    raise TypeError(chosen.name)


def _read_texts(
    texts: ReadTexts,
    files: Sequence[File],
    name: str,
    words: Sequence[str] | None,
    options: ReadOptions,
) -> tuple[Sequence[str], Corpus]:
    tally = Tally(options.skip_bad)
    numbers = [0] * len(files)  # of the texts of each file

    def documents() -> Iterator[str]:
        for number, file in enumerate(files):
            for text in texts_of(file, texts, options, tally):
                numbers[number] += 1
                yield text

    words, matrix = count_texts(islice(documents(), options.limit), name, words, options, tally)
    return words, replace(matrix, spans=_spans_of_texts(files, numbers) or matrix.spans)


def _spans_of_texts(files: Sequence[File], numbers: Sequence[int]) -> list[Span]:
    """Return a span for each batch of files: one for each of many small files would be slow."""
    sizes = [file.path.stat().st_size for file in files]
    offsets = list(accumulate(sizes, initial=0))
    firsts = list(accumulate(numbers, initial=0))
    spans = [
        Span(offsets[start], offsets[stop], firsts[start], firsts[stop], number)
        for number, (start, stop) in enumerate((b.start, b.stop) for b in batches(sizes))
    ]
    return [span for span in spans if span.first < span.after]


def texts_of(file: File, texts: ReadTexts, options: ReadOptions, tally: Tally) -> Iterator[str]:
    """Yield the texts of a file; a link that leads out of the folder is a bad line."""
    try:
        path = file.target()
    except InputError as error:
        tally.skip(error)
        yield ""
        return
    yield from texts(path, file.name, options, tally)


def _open_counts(
    open_file: OpenCounts,
    files: Sequence[File],
    name: str,
    words: Sequence[str] | None,
    options: ReadOptions,
) -> Corpus:
    size = None if words is None else len(words)
    parts: list[Corpus] = []
    left = options.limit
    for file in files:
        if left == 0:
            break
        parts.append(open_file(file.path, file.name, size, replace(options, limit=left)))
        size = parts[-1].vocabulary_size
        left = None if left is None else left - parts[-1].documents
    return parts[0] if len(parts) == 1 else Chain(name, parts)


def _number_words(corpus: Corpus, makes_words: bool) -> Sequence[str]:
    if makes_words and corpus.vocabulary_size > _MAX_NUMBERED_WORDS:
        raise InputError(
            f"{corpus.name}: {corpus.vocabulary_size} words need --vocab; without it, at most "
            f"{_MAX_NUMBERED_WORDS} are allowed"
        )
    return NumberedWords(corpus.vocabulary_size)


def _check_has_words(corpus: Corpus, allowed: int) -> None:
    """Check that a text has a word of its vocabulary; otherwise it is probably not text."""
    tally = Tally(allowed)
    if not any(True for span in corpus.spans for _ in corpus.read(span, tally)):
        raise has_no_words(corpus.name)


def has_no_words(name: str) -> InputError:
    """Return the error that a text has no word of its vocabulary."""
    return InputError(f"{name}: none of the words of the text is in the vocabulary")


def needs_vocabulary(chosen: Format, name: str) -> InputError:
    """Return the error that a corpus has no vocabulary."""
    return InputError(f"{name}: a corpus of the format {chosen.name} needs --vocab")


def refuse_idle_options(
    chosen: Format, name: str, has_vocabulary: bool, options: ReadOptions
) -> None:
    """Reject options that would silently have no effect."""
    for option in ("stop_words", "min_df", "max_df", "max_words"):
        if getattr(options, option) == getattr(ReadOptions, option):
            continue
        flag = f"--{option.replace('_', '-')}"
        if not chosen.texts:
            raise InputError(f"{name}: {flag} is for raw text, and the format is {chosen.name}")
        if has_vocabulary and option != "stop_words":
            raise InputError(
                f"{name}: {flag} chooses words, but --vocab has chosen them: give one of them"
            )
    for option, wanted in (("first_id", "svmlight"), ("field", "jsonl"), ("column", "csv")):
        if getattr(options, option) not in (None, ()) and chosen.name != wanted:
            raise InputError(
                f"{name}: --{option.replace('_', '-')} is for the format {wanted}, and the format "
                f"is {chosen.name}"
            )
