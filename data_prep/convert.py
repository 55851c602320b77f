"""Convert a corpus into a folder that SageMaker can train on: RecordIO files and a manifest."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from data_prep.corpus import CorpusError, Log
from data_prep.files import sync
from data_prep.golden import GOLDEN, write_golden
from data_prep.manifest import MANIFEST, Manifest, Source, Split, Vocabulary
from data_prep.memory import keep_freed_memory
from data_prep.parallel import Workers
from data_prep.parts import TEST, TRAIN, start_early, write_parts
from data_prep.readers.chain import Chain
from data_prep.readers.opening import open_corpus
from data_prep.readers.reading import Reading
from data_prep.readers.sorting import with_documents_in_order
from data_prep.split import held_out, share

VOCABULARY = "vocab.txt"

_AS_IT_IS = Reading()


def convert(
    corpus: Path,
    vocabulary: Path | None,
    out: Path,
    *,
    reading: Reading = _AS_IT_IS,
    test_fraction: float = 0.05,
    seed: int | None = None,
    test_corpus: Path | None = None,
    jobs: int = 1,
    report: Callable[[CorpusError], None] = lambda _: None,
) -> Manifest:
    """Convert a corpus.

    The files are written aside and moved into `out` when all are whole, the manifest last; the
    manifest of an older conversion goes first. So a folder with a manifest is always a whole one.
    Documents without words are dropped and counted.

    Args:
        corpus: A file or folder of any format, or `opening.STANDARD_INPUT`.
        vocabulary: A word a line; None to make it of the words of raw text.
        out: Folder to write to; made if need be.
        reading: How to read the corpus.
        test_fraction: Share of the documents to hold out, from 0 to below 1.
        seed: Makes the choice of the held-out documents random; by default they are the last.
        test_corpus: What to hold out instead; it has the words of `corpus`, and is read alike.
        jobs: Number of processes at most; small corpora need no second one. With more than one,
            a script that calls this has to guard its own work by `if __name__ == "__main__"`.
        report: Called for each bad line that was left out, when all is written.

    Raises:
        CorpusError: The corpus or the vocabulary is no good, or leaves no document to train on.
            Then nothing has been written.
    """
    keep_freed_memory()
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(jobs))
        start_early(workers, corpus)
        words, documents = stack.enter_context(open_corpus(corpus, vocabulary, reading))
        staged = stack.enter_context(_staging(out))
        if test_corpus is not None:
            _, last = stack.enter_context(
                open_corpus(test_corpus, words, reading.with_words_chosen())
            )
            documents = Chain(documents.name, (documents, last))
            test_fraction, seed = share(documents.documents, last.documents), None
        testing = held_out(documents.documents, test_fraction, seed)
        train, test, log = with_documents_in_order(
            documents,
            lambda ordered: write_parts(ordered, testing, staged, Log(reading.skip_bad), workers),
            reading.skip_bad,
        )
        empty = documents.documents - train.documents - test.documents
        if not train.documents:
            raise CorpusError(
                f"{documents.name}: no document is left to train on: of {documents.documents}, "
                f"{empty} have no words of the vocabulary and {test.documents} are held out"
            )
        manifest = Manifest(
            format=Manifest.FORMAT,
            source=Source(
                " + ".join(path.name for path in (corpus, test_corpus) if path),
                (vocabulary or Path(VOCABULARY)).name,
                reading.limit,
            ),
            split=Split(test_fraction, seed),
            vocabulary=_write_vocabulary(words, staged / VOCABULARY),
            train=train,
            test=test if test.documents else None,
            golden=write_golden(
                staged / (TEST if test.documents else TRAIN), len(words), staged / GOLDEN
            ),
            empty_documents=empty,
        )
        _publish(manifest, staged, out)
    for error in log.bad:
        report(error)
    return manifest


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Yield a folder inside `out` that is gone afterwards, as is `out` itself after an error."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as staged:
            yield Path(staged)
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _write_vocabulary(words: list[str], path: Path) -> Vocabulary:
    content = "".join(f"{word}\n" for word in words).encode()
    with path.open("wb") as stream:
        stream.write(content)
        sync(stream)
    return Vocabulary(path.name, len(words), len(content), hashlib.sha256(content).hexdigest())


def _publish(manifest: Manifest, staged: Path, out: Path) -> None:
    """Move the files into place, so that at no moment a manifest stands beside other files."""
    manifest.write(staged)
    (out / MANIFEST).unlink(missing_ok=True)
    (out / TEST).unlink(missing_ok=True)
    for part in (manifest.vocabulary, manifest.train, manifest.test, manifest.golden):
        if part:
            (staged / part.file).replace(out / part.file)
    (staged / MANIFEST).replace(out / MANIFEST)
