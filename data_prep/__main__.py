"""The command line: `python -m data_prep convert` and `python -m data_prep sample`."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from data_prep.convert import convert
from data_prep.corpus import CorpusError
from data_prep.manifest import Manifest
from data_prep.sample import MAX_TOPICS, MIN_VOCABULARY, write_sample

_EXAMPLES = """\
examples:
  python -m data_prep sample --out build/sample
  python -m data_prep convert --corpus build/sample/corpus.txt --vocab build/sample/vocab.txt \\
      --out build/sample/prepared
"""


class _Parser(argparse.ArgumentParser):
    """Reports wrong use in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help explains)\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns 0 when it is done, 1 when it failed, 2 when its input is bad."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except CorpusError as error:
        return _fail(2, str(error))
    except OSError as error:
        return _fail(1, str(error))
    except KeyboardInterrupt:
        return _fail(1, "interrupted")
    return 0


def _fail(code: int, message: str) -> int:
    print(f"data_prep: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data_prep",
        description="Prepare a bag-of-words corpus for training a topic model on SageMaker.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser(
        "convert",
        help="turn a corpus into RecordIO files and a manifest",
        description="Turn a corpus into train.recordio, test.recordio, vocab.txt and, last of all, "
        "manifest.json. Bad input is reported with its line, and nothing is written.",
    )
    command.add_argument(
        "--corpus",
        type=Path,
        required=True,
        metavar="FILE",
        help="a document a line: id:count,id:count,... with word ids from 1",
    )
    command.add_argument(
        "--vocab", type=Path, required=True, metavar="FILE", help="a word a line, UTF-8"
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where to write; made if need be"
    )
    command.add_argument(
        "--test-fraction",
        type=_fraction,
        default=0.05,
        metavar="F",
        help="share of the documents held out for testing, from 0 to below 1 (default: 0.05)",
    )
    command.add_argument(
        "--seed",
        type=_whole_from(0),
        metavar="N",
        help="hold out documents chosen at random (default: the last ones)",
    )
    command.add_argument(
        "--limit", type=_whole_from(1), metavar="N", help="read only the first N documents"
    )
    command.add_argument("--json", action="store_true", help="print the manifest, not a summary")
    command.set_defaults(run=_convert)

    command = commands.add_parser(
        "sample",
        help="draw a corpus from a known topic model",
        description="Draw a corpus from a known topic model, to try things out. Writes corpus.txt "
        "and vocab.txt for convert, and the model: planted.npz with alpha (K,) and beta (K, V).",
    )
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    command.add_argument(
        "--documents", type=_whole_from(1), default=3000, metavar="N", help="(default: 3000)"
    )
    command.add_argument(
        "--vocabulary",
        type=_whole_from(MIN_VOCABULARY),
        default=1000,
        metavar="N",
        help="words (default: 1000)",
    )
    command.add_argument(
        "--topics",
        type=int,
        choices=range(1, MAX_TOPICS + 1),
        default=10,
        metavar="N",
        help=f"1 to {MAX_TOPICS} (default: 10)",
    )
    command.add_argument(
        "--seed", type=_whole_from(0), default=0, metavar="N", help="another seed, another corpus"
    )
    command.set_defaults(run=_sample)
    return parser


def _fraction(text: str) -> float:
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1
    if not 0 <= fraction < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 0 to below 1")
    return fraction


def _whole_from(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {least} on")
        return int(text)

    return parse


def _convert(options: argparse.Namespace) -> None:
    start = time.perf_counter()
    manifest = convert(
        options.corpus,
        options.vocab,
        options.out,
        test_fraction=options.test_fraction,
        seed=options.seed,
        limit=options.limit,
    )
    if options.json:
        print(manifest.to_json(), end="")
    else:
        print(f"{_summary(manifest)}, {time.perf_counter() - start:.1f} s -> {options.out}")


def _summary(manifest: Manifest) -> str:
    parts = [part for part in (manifest.train, manifest.test) if part]
    documents = " + ".join(f"{part.documents:,}" for part in parts)
    return (
        f"{documents} documents ({manifest.empty_documents:,} without words dropped), "
        f"{manifest.vocabulary.size:,} words, "
        f"{sum(part.nonzeros for part in parts):,} non-zeros, "
        f"{sum(part.tokens for part in parts):,} tokens, "
        f"{sum(part.bytes for part in parts):,} bytes"
    )


def _sample(options: argparse.Namespace) -> None:
    write_sample(
        options.out,
        documents=options.documents,
        vocabulary_size=options.vocabulary,
        topics=options.topics,
        seed=options.seed,
    )
    print(
        f"{options.documents:,} documents, {options.vocabulary:,} words, {options.topics} topics"
        f" -> {options.out}"
    )


if __name__ == "__main__":
    sys.exit(main())
