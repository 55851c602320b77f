"""Prepare a corpus of many files by Spark: a program for `spark-submit`, and AWS Glue's script.

The workers import `data_prep` and `cli` from an archive of both folders (`--py-files`). They open
files by themselves, in a folder that all machines have or in S3 by boto3, so Spark needs no
libraries for S3. Nothing else here imports pyspark.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cli.arguments import Parser, run_command
from data_prep.cluster import FORMATS, Word, prepare
from data_prep.corpus_arguments import (
    add_read_options,
    add_split_options,
    add_vocabulary_options,
    place,
    read_options,
)
from data_prep.errors import InputError
from data_prep.formats.read_options import ENGLISH
from data_prep.manifest import Source
from data_prep.prepared import VOCABULARY, summary
from data_prep.s3 import S3Folder
from data_prep.vocabulary import MAX_VOCABULARY_BYTES, parse_vocabulary, read_vocabulary

if TYPE_CHECKING:
    from pyspark import RDD, SparkContext

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Kept = TypeVar("_Kept")

# What Glue adds to the arguments, each with a value ("AWS Glue job parameters", and awsglue.utils).
_GLUES = (
    *("--JOB_NAME", "--JOB_ID", "--JOB_RUN_ID", "--SECURITY_CONFIGURATION", "--TempDir"),
    *("--RedshiftTempDir", "--WORKFLOW_NAME", "--WORKFLOW_RUN_ID", "--additional-python-modules"),
    *("--conf", "--continuation-option", "--datalake-formats", "--encryption-type"),
    *("--python-modules-installer-option", "--spark-event-logs-path"),
)
_GLUES_BEGIN = ("--job-", "--enable-", "--extra-", "--continuous-log-", "--custom-logGroup-")

_EXAMPLES = """\
examples:
  git archive --format zip --output data_prep.zip HEAD data_prep cli
  spark-submit --py-files data_prep.zip data_prep/spark.py --corpus s3://corpora/news \\
      --format jsonl --field body --min-df 5 --out s3://prepared/news
  python -m data_prep fetch s3://prepared/news --out build/prepared
"""


class SparkError(RuntimeError):
    """Spark gave up; the message says why, without the pages that Java prints."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare a corpus; return 0 if it succeeded, 1 if it failed, 2 if its input is bad."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    return run_command(
        "data_prep", lambda: _run(options), bad_input=(InputError,), failures=(SparkError,)
    )


def parser() -> Parser:
    """Return the parser of the command line."""
    command = Parser(
        prog="data_prep/spark.py",
        description="Prepare a corpus of many files by Spark. The result has the bytes that "
        "`python -m data_prep convert` writes of the same files. The best size of a file is 64 to "
        f"256 MB; its format is one of {', '.join(FORMATS)}.",
        epilog=_EXAMPLES,
    )
    command.add_argument(
        "--corpus",
        type=place,
        required=True,
        metavar="PATH",
        help="a folder of files, plain or gzip, or a file, which all machines can read; or "
        "s3://BUCKET/FOLDER",
    )
    command.add_argument(
        "--out",
        type=place,
        required=True,
        metavar="FOLDER",
        help="where to write: a folder that all machines share, in which an earlier corpus is "
        "replaced; or s3://BUCKET/FOLDER, which must be without a prepared corpus, since a "
        "deployment may be using it",
    )
    command.add_argument(
        "--options",
        metavar="TEXT",
        help="further options in one text, as a shell reads them; AWS Glue takes no option twice",
    )
    add_read_options(command, vocabulary=place, limit=False)
    add_vocabulary_options(command)
    add_split_options(command)
    return command


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line, without what AWS Glue adds to it."""
    command = parser()
    first = Parser(prog=command.prog, add_help=False)
    first.add_argument("--options", default="")
    given, others = first.parse_known_args(arguments)
    try:
        more = shlex.split(given.options)
    except ValueError as error:
        command.error(f"--options: {error}")
    options, others = command.parse_known_args([*others, *more])
    unknown = list(_without_glues(others))
    if unknown:
        command.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def _without_glues(words: Sequence[str]) -> Iterator[str]:
    left = iter(words)
    for word in left:
        name, has_value, _ = word.partition("=")
        if name not in _GLUES and not name.startswith(_GLUES_BEGIN):
            yield word
        elif not has_value:
            next(left, None)


def _run(options: argparse.Namespace) -> None:
    reading = read_options(options)
    if reading.stop_words not in (None, ENGLISH):
        # The words themselves, since workers don't have the file.
        reading = replace(reading, stop_words=tuple(_read_words(place(options.stop_words))))
    words = None if options.vocab is None else _read_words(options.vocab)
    source = Source(_name(options.corpus), _name(options.vocab or Path(VOCABULARY)), None)
    with _context() as context:
        manifest = prepare(
            options.corpus,
            words,
            options.out,
            SparkEngine(context),
            source=source,
            options=reading,
            test_fraction=options.test_fraction,
            seed=options.seed,
            min_words=options.min_words,
            report=lambda error: print(f"data_prep: left out: {error}", file=sys.stderr),
        )
    print(f"{summary(manifest)} -> {options.out}")


def _name(found: Path | S3Folder) -> str:
    return found.name if isinstance(found, Path) else PurePosixPath(found.prefix).name


def _read_words(file: Path | S3Folder) -> list[str]:
    if isinstance(file, Path):
        return read_vocabulary(file)
    folder, _, name = file.prefix.rpartition("/")
    if not folder:
        raise InputError(f"{file}: a file in S3 must be in a folder: s3://BUCKET/FOLDER/FILE")
    content = S3Folder(file.bucket, folder).read(name, MAX_VOCABULARY_BYTES)
    return parse_vocabulary(content, str(file))


@contextmanager
def _context() -> Iterator["SparkContext"]:
    """Yield the connection to Spark.

    Raises:
        SparkError: A task failed, other than by an error of its function.
    """
    try:
        from py4j.protocol import Py4JError
        from pyspark import SparkConf, SparkContext
    except ImportError:
        raise InputError("there is no Spark here; spark-submit runs this program") from None
    configuration = SparkConf()
    if configuration.get("spark.master", "local[*]").startswith("local"):
        # Else workers are started with another Python, the first one of the PATH.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    context = SparkContext.getOrCreate(configuration)
    context.setLogLevel("ERROR")
    try:
        yield context
    except Py4JError as error:
        raise SparkError(_short(error)) from None
    finally:
        context.stop()


def _short(error: Any) -> str:
    """Return the first line of an error of Java, and the last one of a Python traceback in it."""
    lines = str(getattr(error, "java_exception", error)).splitlines()
    end = lines.index("") if "" in lines else len(lines)
    raised = [line for line in lines[:end] if line and not line[0].isspace()]
    return " ".join(dict.fromkeys((raised[0], raised[-1])))


class SparkEngine:
    """Calls functions in the workers of a Spark cluster, one item a task."""

    def __init__(self, context: "SparkContext") -> None:
        self._context = context

    def map(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Return what a function returns for each item, as `Engine.map`."""
        return list(_each(self._context, items).map(function).collect())

    def keep(
        self, function: Callable[[_Item], _Result], items: Sequence[_Item]
    ) -> "SparkResults[_Result]":
        """Keep the results on the disks of the workers, as `Engine.keep`."""
        from pyspark import StorageLevel

        results = _each(self._context, items).map(function).persist(StorageLevel.DISK_ONLY)
        return SparkResults(results)


class SparkResults(Generic[_Kept]):
    """Results on the disks of the workers; those of a worker that is lost are made again."""

    def __init__(self, results: "RDD[_Kept]") -> None:
        self._results = results

    def map(self, function: Callable[[_Kept], _Result]) -> list[_Result]:
        """Return what a function returns for each, as `Kept.map`."""
        return list(self._results.map(function).collect())

    def map_with(
        self, function: Callable[[_Kept, _Item], _Result], items: Sequence[_Item]
    ) -> list[_Result]:
        """Return what a function returns for each with an item, as `Kept.map_with`."""
        pairs = self._results.zip(_each(self._results.context, items))
        return list(pairs.map(lambda pair: function(*pair)).collect())

    def add_up(
        self, words: Callable[[_Kept], Iterable[Word]], least: float, most: float
    ) -> list[Word]:
        """Add up the words of all, as `Kept.add_up`."""
        reducers = min(self._results.getNumPartitions(), self._results.context.defaultParallelism)
        totals = self._results.flatMap(words).reduceByKey(_add, reducers)
        return list(totals.filter(lambda word: least <= word[1][0] <= most).collect())


def _each(context: "SparkContext", items: Sequence[_Item]) -> "RDD[_Item]":
    """Return a data set with an item a task; each task is sent its own item alone."""
    return context.parallelize(items, max(1, len(items)))


def _add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


if __name__ == "__main__":
    code = main()
    if code:  # Glue takes any SystemExit for a failure
        sys.exit(code)
