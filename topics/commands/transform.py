"""`topics transform`: the topic mixtures of many documents, by a SageMaker Batch Transform job."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cli.arguments import Commands, whole_from
from cli.progress import Progress
from data_prep.corpus_arguments import read_options
from data_prep.documents import Documents
from data_prep.errors import InputError
from data_prep.formats.read_options import DEFAULTS
from data_prep.vocabulary import NumberedWords, read_vocabulary
from topics.commands.common_arguments import add_documents
from topics.commands.prediction_lines import (
    add_printing,
    add_texts,
    open_documents_or_texts,
    print_predictions,
    topic_words,
)
from topics.endpoint.batches import SCHEME, Stored, cut, find_stored
from topics.endpoint.deployed import Deployed, Environment, TransformError, find_deployed
from topics.endpoint.job_objects import JobObjects
from topics.endpoint.transform_job import TransformJob, new_name

_DESCRIPTION = """\
Run a Batch Transform job with the model of an environment, whether its endpoint runs or sleeps, and
print what `predict` prints: a JSON object a line, in the order of the documents. Documents are
uploaded in RecordIO below PREFIX/batches/ of the environment's bucket. An s3:// address with
RecordIO is used in place: the model's role must be allowed to read it, and so must you. What the
job read and wrote below PREFIX is removed in the end. Ctrl-C stops the job.
"""
_EXAMPLES = """\
examples:
  python -m topics transform --env topic-model/dev --prepared build/prepared --out predictions.jsonl
  python -m topics transform --env topic-model/dev articles.jsonl --field body \\
      --vocab build/prepared/vocab.txt --instances 4 --out predictions.jsonl
  python -m topics transform --env topic-model/dev s3://BUCKET/PREFIX/data/news/test/
"""
_INSTANCE_TYPE = "ml.m4.xlarge"  # as endpoints have by default
_S3 = Config(retries={"mode": "standard", "total_max_attempts": 5})


def add(commands: Commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "transform",
        help="compute the topic mixtures of many documents in a SageMaker job",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    command.add_argument(
        "--env",
        required=True,
        type=Environment.parse,
        metavar="PROJECT/ENV",
        help="the environment whose model is used",
    )
    add_documents(
        command,
        uses="the held-out documents, or the training documents if there are no",
        place=_place,
        places=", or s3://BUCKET/FOLDER/ with RecordIO",
    )
    add_texts(command)
    group = command.add_argument_group("how to run")
    group.add_argument(
        "--instance-type",
        default=_INSTANCE_TYPE,
        type=_instance_type,
        metavar="TYPE",
        help="(default: %(default)s)",
    )
    group.add_argument(
        "--instances",
        type=whole_from(1, 100),
        default=1,
        metavar="N",
        help="number of instances, which share the work (default: %(default)s)",
    )
    add_printing(command, model="the one that is deployed")
    command.set_defaults(run=run)


def _place(text: str) -> Path | str:
    return text if text.startswith(SCHEME) else Path(text)


def _instance_type(text: str) -> str:
    if not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no instance type of SageMaker, such as {_INSTANCE_TYPE}"
        )
    return text


def run(options: argparse.Namespace) -> None:
    """Run a job on the documents, and write its predictions."""
    start = time.perf_counter()
    deployed = find_deployed(options.env)
    s3: Any = boto3.client("s3", config=_S3)
    objects = JobObjects(s3, deployed, new_name(options.env))
    with _open(options, s3, objects) as (vocabulary, source, store):
        words = topic_words(vocabulary, options, lambda: deployed.artifact)
        with _tidied(objects):
            stored = store()
            if any(one.records for one in stored):
                _transform(options, deployed, objects, source, stored)
            number = sum(one.filled.size for one in stored)
            print_predictions(objects.read(stored), number, words, options, start)


@contextmanager
def _open(
    options: argparse.Namespace, s3: Any, objects: JobObjects
) -> Iterator[tuple[Sequence[str], str, Callable[[], list[Stored]]]]:
    """Open the documents.

    Yields:
        Their words, the address of the job's input, and what puts them there and says how.
    """
    address = options.documents
    if not isinstance(address, str):
        with open_documents_or_texts(options) as documents:
            yield documents.words, objects.input, lambda: _upload(objects, documents)
        return
    if options.text or options.file or options.prepared is not None:
        raise InputError("give either DOCUMENTS, or --prepared, or --text and --file")
    if read_options(options) != DEFAULTS:
        raise InputError(
            f"{address} is used as it is: of the options that say how to read, give only --vocab"
        )
    stored, size = find_stored(s3, address)
    words = NumberedWords(size) if options.vocab is None else read_vocabulary(options.vocab)
    if len(words) != size:
        raise InputError(
            f"{options.vocab} has {len(words):,} words, the documents of {address} have {size:,}"
        )
    yield words, address, lambda: stored


def _upload(objects: JobObjects, documents: Documents) -> list[Stored]:
    stored = []
    with Progress("uploading", documents.number) as progress:
        for one in objects.upload(cut(documents.blocks())):
            stored.append(one)
            progress.advance(one.filled.size)
    return stored


def _transform(
    options: argparse.Namespace,
    deployed: Deployed,
    objects: JobObjects,
    source: str,
    stored: Sequence[Stored],
) -> None:
    """Run the job; an interrupt stops it."""
    number = sum(one.records > 0 for one in stored)
    key = objects.key_of_bucket()
    job = TransformJob(deployed, objects.job)
    print(f"the transform job {job.name} starts; objects to read: {number:,}", file=sys.stderr)
    try:
        with Progress("transforming", number) as progress:

            def look() -> None:
                with suppress(TransformError):  # the job goes on
                    progress.reach(len(objects.outputs()))

            job.run(
                source,
                objects.output,
                instance_type=options.instance_type,
                instances=options.instances,
                key=key,
                look=look,
            )
    except KeyboardInterrupt:
        print(job.stop(), file=sys.stderr)
        raise


@contextmanager
def _tidied(objects: JobObjects) -> Iterator[None]:
    """Remove the objects after a block that succeeds, or say where they are."""
    try:
        yield
    except BaseException:
        _tell(objects, "")
        raise
    try:
        objects.remove()
    except TransformError as error:
        _tell(objects, f", since they could not be removed: {error}")


def _tell(objects: JobObjects, why: str) -> None:
    if places := objects.places():
        print(f"the job's objects stay at {' and '.join(places)}{why}", file=sys.stderr)
