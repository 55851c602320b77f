"""Convert a corpus into a folder that SageMaker can train on: RecordIO files and a manifest."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.files import staging, write_synced
from data_prep.formats.any_format import open_corpus
from data_prep.formats.chain import Chain
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.sorting import with_documents_in_order
from data_prep.golden import GOLDEN, write_golden
from data_prep.left_out import LEFT_OUT, write_left_out
from data_prep.manifest import MANIFEST, Manifest, Source, Split, Vocabulary
from data_prep.memory import keep_freed_memory
from data_prep.parallel import Workers
from data_prep.parts import TEST, TRAIN, start_early, write_parts
from data_prep.split import held_out, share

VOCABULARY = "vocab.txt"

_AS_IT_IS = ReadOptions()


def convert(
    corpus: Path,
    vocabulary: Path | None,
    out: Path,
    *,
    options: ReadOptions = _AS_IT_IS,
    test_fraction: float = 0.05,
    seed: int | None = None,
    min_words: int = 1,
    test_corpus: Path | None = None,
    jobs: int = 1,
    report: Callable[[InputError], None] = lambda _: None,
) -> Manifest:
    """Convert a corpus.

    The files are written aside and moved into `out` when all are whole, the manifest last; the
    manifest of an older conversion goes first. So a folder with a manifest is always a whole one.
    Documents with too few words are left out, counted and listed. The split is the same with them.

    Args:
        corpus: A file or folder of any format, or `open_corpus.STANDARD_INPUT`.
        vocabulary: A word a line; None to make it of the words of raw text.
        out: Folder to write to; made if need be.
        options: How to read the corpus.
        test_fraction: Share of the documents to hold out, from 0 to below 1.
        seed: Makes the choice of the held-out documents random; by default they are the last.
        min_words: Words that a document must have, each occurrence counted; at least 1.
        test_corpus: What to hold out instead; it has the words of `corpus`, and is read alike.
        jobs: Number of processes at most; small corpora need no second one. With more than one,
            a script that calls this has to guard its own work by `if __name__ == "__main__"`.
        report: Called for each bad line that was left out, when all is written.

    Raises:
        InputError: The corpus or the vocabulary is no good, or leaves no document to train on.
            Then nothing has been written.
        OSError: A file can't be written, or another run is writing to `out`.
    """
    keep_freed_memory()
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(jobs))
        start_early(workers, corpus)
        reads = stack.enter_context(ExitStack())
        words, documents = reads.enter_context(open_corpus(corpus, vocabulary, options))
        staged = stack.enter_context(staging(out))
        if test_corpus is not None:
            _, last = reads.enter_context(
                open_corpus(test_corpus, words, options.with_words_chosen())
            )
            documents = Chain(documents.name, (documents, last))
            test_fraction, seed = share(documents.documents, last.documents), None
        testing = held_out(documents.documents, test_fraction, seed)
        train, test, left_out, short, tally = with_documents_in_order(
            documents,
            lambda ordered: write_parts(
                ordered, testing, min_words, staged, Tally(options.skip_bad), workers
            ),
            options.skip_bad,
        )
        empty = int(left_out.sum()) - short
        if not train.documents:
            too_short = f", {short} have fewer than {min_words} words" if short else ""
            raise InputError(
                f"{documents.name}: no document is left to train on: of {documents.documents}, "
                f"{empty} have no words of the vocabulary{too_short} and {test.documents} are held"
                " out"
            )
        manifest = Manifest(
            format=Manifest.FORMAT,
            source=Source(
                " + ".join(path.name for path in (corpus, test_corpus) if path),
                (vocabulary or Path(VOCABULARY)).name,
                options.limit,
            ),
            split=Split(test_fraction, seed),
            vocabulary=_write_vocabulary(words, staged / VOCABULARY),
            train=train,
            test=test if test.documents else None,
            golden=write_golden(
                staged / (TEST if test.documents else TRAIN), len(words), staged / GOLDEN
            ),
            min_words=min_words,
            empty_documents=empty,
            short_documents=short,
            left_out=write_left_out(left_out, staged / LEFT_OUT),
        )
        reads.close()  # raises when the corpus has changed meanwhile
        _publish(manifest, staged, out)
    for error in tally.bad:
        report(error)
    return manifest


def _write_vocabulary(words: Sequence[str], path: Path) -> Vocabulary:
    content = "".join(f"{word}\n" for word in words).encode()
    return Vocabulary(path.name, len(words), *write_synced(path, content))


def _publish(manifest: Manifest, staged: Path, out: Path) -> None:
    """Move the files into place, so that at no moment a manifest stands beside other files."""
    manifest.write(staged)
    (out / MANIFEST).unlink(missing_ok=True)
    for file in (TEST, LEFT_OUT):  # which this corpus may be without
        (out / file).unlink(missing_ok=True)
    for part in manifest.files:
        (staged / part.file).replace(out / part.file)
    (staged / MANIFEST).replace(out / MANIFEST)
