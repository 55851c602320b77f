"""Convert a corpus into a folder that SageMaker can train on: RecordIO files and a manifest."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from data_prep.corpus import Tally
from data_prep.errors import InputError
from data_prep.files import staging
from data_prep.formats.any_format import name_of, open_corpus
from data_prep.formats.chain import Chain
from data_prep.formats.read_options import ReadOptions
from data_prep.formats.sorting import with_documents_in_order
from data_prep.manifest import Manifest, Source, Split
from data_prep.parallel import Workers
from data_prep.prepared import VOCABULARY, complete, publish
from data_prep.shards import SHARD_BYTES, keep_freed_memory, write_shards
from data_prep.split import held_out, share

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

    The files are written to a temporary folder. When all are whole, the manifest of an older
    conversion is deleted, the files are moved into `out`, and the manifest is moved last. So a
    folder with a manifest is always whole. Documents with too few words are left out, counted and
    listed; they do not change which other documents are held out.

    Args:
        corpus: A file or folder of any format, or `plain_file.STANDARD_INPUT`.
        vocabulary: A file with a word a line; None to use the words of the raw text.
        out: Folder to write to; created if it is missing.
        options: How to read the corpus.
        test_fraction: Share of the documents to hold out, at least 0 and below 1.
        seed: Chooses the held-out documents at random; by default they are the last ones.
        min_words: Number of words that a document must have, repeated words included; at least 1.
        test_corpus: Held-out documents, instead of a share of `corpus`; read with the same words
            and options.
        jobs: Largest number of processes; small corpora use one. With more than one, a script that
            calls this function must guard its own work with `if __name__ == "__main__"`.
        report: Called for each bad line that was left out, after everything is written.

    Raises:
        InputError: The corpus or the vocabulary can't be used, or leaves no document to train on.
            Then nothing is written.
        OSError: A file can't be written, or another run is writing to `out`.
    """
    keep_freed_memory()
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(jobs))
        if corpus.is_file():  # they start while it is opened
            workers.start(-(-corpus.stat().st_size // SHARD_BYTES))
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
        encoded = with_documents_in_order(
            documents,
            lambda ordered: write_shards(
                ordered, testing, min_words, staged, Tally(options.skip_bad), workers.map
            ),
            options.skip_bad,
        )
        source = Source(
            " + ".join(path.name for path in (corpus, test_corpus) if path),
            (vocabulary or Path(VOCABULARY)).name,
            options.limit,
        )
        manifest = complete(
            staged,
            encoded,
            name=name_of(corpus),
            source=source,
            split=Split(test_fraction, seed),
            words=words,
            min_words=min_words,
            files=lambda part: [staged / shard.file for shard in part.files],
        )
        reads.close()  # raises if the corpus was changed in the meantime
        publish(manifest, staged, out)
    for error in encoded.tally.bad:
        report(error)
    return manifest
