"""The command line: `python -m data_prep convert`, `fetch`, `inspect` and `sample`."""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from cli.arguments import PICTURES, Parser, picture, run_command, whole_from
from data_prep.convert import convert
from data_prep.corpus_arguments import (
    add_read_options,
    add_split_options,
    add_vocabulary_options,
    address,
    place,
    read_options,
)
from data_prep.errors import InputError
from data_prep.manifest import Manifest
from data_prep.prepared import summary
from data_prep.sample import MAX_TOPICS, MAX_VOCABULARY, MIN_VOCABULARY, write_sample
from data_prep.stored import fetch, put, refuse_used

_EXAMPLES = """\
examples:
  python -m data_prep sample --out build/sample
  python -m data_prep convert --corpus build/sample/corpus.txt --vocab build/sample/vocab.txt \\
      --out build/sample/prepared
  python -m data_prep inspect --corpus docword.nytimes.txt.gz --vocab vocab.nytimes.txt
  python -m data_prep convert --corpus articles.jsonl --field body --stop-words english \\
      --min-df 5 --out build/articles
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return 0 if it succeeded, 1 if it failed, 2 if its input is bad."""
    options = _parser().parse_args(arguments)
    return run_command("data_prep", lambda: options.run(options), bad_input=(InputError,))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m data_prep",
        description="Prepare a bag-of-words corpus for training a topic model on SageMaker.",
        epilog=_EXAMPLES,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    inputs = _input_parser()
    command = commands.add_parser(
        "convert",
        parents=[inputs],
        help="turn a corpus into RecordIO files and a manifest",
        description="Turn a corpus into train.recordio, test.recordio, vocab.txt, golden.json, "
        "left_out.txt and, last of all, manifest.json. A large corpus gives folders train and test "
        "of several files. Bad input is reported with its line; then nothing is written.",
    )
    command.add_argument(
        "--out",
        type=place,
        required=True,
        metavar="FOLDER",
        help="where to write; created if it is missing. s3://BUCKET/FOLDER must be without a "
        "prepared corpus; `fetch` brings what a deployment needs of it",
    )
    held_out = command.add_mutually_exclusive_group()
    held_out.add_argument(
        "--test",
        type=Path,
        metavar="PATH",
        help="hold out this corpus instead of a share of the other; it gets the same words",
    )
    add_split_options(command, held_out)
    command.add_argument(
        "--jobs",
        type=whole_from(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of processes for a large corpus (default: one for each core)",
    )
    command.add_argument("--json", action="store_true", help="print the manifest, not a summary")
    command.set_defaults(run=_convert)

    command = commands.add_parser(
        "fetch",
        help="fetch what a deployment needs of a prepared corpus in S3",
        description="Fetch manifest, vocabulary and golden documents of a prepared corpus in S3. "
        "Its documents stay there: a deployment checks their digests, and trains on them in place.",
    )
    command.add_argument(
        "source", type=address, metavar="s3://BUCKET/FOLDER", help="the prepared corpus"
    )
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where to write; created if it is missing",
    )
    command.add_argument("--json", action="store_true", help="print the manifest, not a summary")
    command.set_defaults(run=_fetch)

    command = commands.add_parser(
        "inspect",
        parents=[inputs],
        help="show what is in a corpus",
        description="Show the size of a corpus, the lengths of its documents and its most frequent "
        "words. Short documents and very frequent words can spoil a topic model (see convert "
        "--min-words).",
    )
    command.add_argument(
        "--document", type=whole_from(1), metavar="N", help="also show the words of document N"
    )
    command.add_argument(
        "--plot",
        type=picture,
        metavar="FILE",
        help=f"draw counts, lengths and frequencies into a file that ends in {', '.join(PICTURES)}",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_inspect)

    command = commands.add_parser(
        "sample",
        help="draw a corpus from a known topic model",
        description="Draw a corpus from a known topic model, for trying things out. Writes "
        "corpus.txt and vocab.txt for convert, and planted.npz with the model: alpha (K,) and "
        "beta (K, V).",
    )
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    command.add_argument(
        "--documents", type=whole_from(1), default=3000, metavar="N", help="(default: 3000)"
    )
    command.add_argument(
        "--words",
        type=whole_from(MIN_VOCABULARY, MAX_VOCABULARY),
        default=1000,
        metavar="N",
        help=f"words in the vocabulary, {MIN_VOCABULARY} to {MAX_VOCABULARY:,} (default: 1000)",
    )
    command.add_argument(
        "--num-topics",
        type=whole_from(1, MAX_TOPICS),
        default=10,
        metavar="N",
        help=f"1 to {MAX_TOPICS} (default: 10)",
    )
    command.add_argument(
        "--seed",
        type=whole_from(0),
        default=0,
        metavar="N",
        help="of the random numbers; another seed gives another corpus (default: 0)",
    )
    command.set_defaults(run=_sample)
    return parser


def _input_parser() -> Parser:
    """Return the options that name a corpus and say how to read it."""
    parser = Parser(add_help=False)
    group = parser.add_argument_group("what to read")
    group.add_argument(
        "--corpus",
        type=Path,
        required=True,
        metavar="PATH",
        help="a file, plain or gzip; a folder of texts, or of files of another format; or - for "
        "standard input",
    )
    add_read_options(parser)
    add_vocabulary_options(parser)
    return parser


def _report(error: InputError) -> None:
    print(f"data_prep: left out: {error}", file=sys.stderr)


def _convert(options: argparse.Namespace) -> None:
    if options.test and options.seed is not None:
        raise InputError("--seed and --test both choose the held-out documents: give one of them")
    start = time.perf_counter()
    if isinstance(options.out, Path):
        manifest = _convert_to(options.out, options)
    else:
        refuse_used(options.out)
        with tempfile.TemporaryDirectory(prefix="data_prep-") as folder:
            manifest = _convert_to(Path(folder), options)
            put(Path(folder), options.out)
    _print_manifest(manifest, options, f", {time.perf_counter() - start:.1f} s -> {options.out}")


def _convert_to(out: Path, options: argparse.Namespace) -> Manifest:
    return convert(
        options.corpus,
        options.vocab,
        out,
        options=read_options(options),
        test_fraction=options.test_fraction,
        seed=options.seed,
        test_corpus=options.test,
        min_words=options.min_words,
        jobs=options.jobs,
        report=_report,
    )


def _fetch(options: argparse.Namespace) -> None:
    manifest = fetch(options.source, options.out)
    _print_manifest(manifest, options, f" in {manifest.location} -> {options.out}")


def _print_manifest(manifest: Manifest, options: argparse.Namespace, end: str) -> None:
    if options.json:
        print(manifest.to_json(), end="")
    else:
        print(f"{summary(manifest)}{end}")


def _inspect(options: argparse.Namespace) -> None:
    from data_prep.inspection import inspect

    overview = inspect(
        options.corpus, options.vocab, read_options(options), options.document, _report
    )
    if options.json:
        print(json.dumps(overview.as_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(overview.lines()))
    if options.plot:
        from data_prep.plot import plot

        plot(overview, options.plot)
        print(f"-> {options.plot}", file=sys.stderr if options.json else sys.stdout)


def _sample(options: argparse.Namespace) -> None:
    write_sample(
        options.out,
        documents=options.documents,
        vocabulary_size=options.words,
        topics=options.num_topics,
        seed=options.seed,
    )
    print(
        f"{options.documents:,} documents, {options.words:,} words, {options.num_topics} topics"
        f" -> {options.out}"
    )


if __name__ == "__main__":
    sys.exit(main())
