"""`python -m operations prepare`: prepare a corpus by the Glue job of an environment."""

import argparse
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.arguments import Commands, command_after
from data_prep.manifest import Manifest
from data_prep.s3 import S3Folder
from data_prep.spark import parser as parser_of_program
from data_prep.stored import fetch, refuse_used
from operations.environment import Clients, clients, region_of
from operations.preparation.glue_run import RunFailedError, follow
from stacks.settings import Settings, SettingsError, load, read_context

SOMEWHERE = "s3://bucket/folder"  # while options are checked
ENGLISH = "english"  # the stop words that are no file
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

_EXAMPLES = """\
examples:
  cdk deploy topic-model-dev-storage topic-model-dev-preparation
  python -m operations prepare --name news -- --format jsonl --field body --min-df 5
  cdk deploy --all

  python -m operations prepare --name nyt -- \\
      --corpus s3://corpora/nyt/parts --vocab s3://corpora/nyt/vocab.txt --seed 7

First set preparation.source in cdk.json; it brings the stack of the job. The job reads all files of
preparation.source, or of --corpus, a folder below it, and writes the prepared corpus to
PREFIX/data/NAME in the environment's bucket. After -- come options of `data_prep convert`; `prepare
--name x -- --help` explains them. They are checked before the job starts. Then manifest, vocabulary
and golden documents are fetched; the documents stay in S3, where a deployment uses them.

A run bills its workers by the second, at least a minute; `operations cost` says how much. Ctrl-C
stops it. The exit code is 0 if the corpus is prepared, 1 if the run failed, 2 for wrong use or bad
input.
"""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    parser = commands.add_parser(
        "prepare",
        help="prepare a corpus in the account, by Spark",
        description="Prepare a corpus that is in S3, by the Glue job of an environment.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--name", type=_name, required=True, help="the name of the prepared corpus, not used before"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to fetch manifest, vocabulary and golden documents to (default: the setting "
        "prepared)",
    )
    parser.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- OPTIONS OF CONVERT")
    return parser


def _name(text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be up to 100 letters, digits and _.-, no dot or hyphen first"
        )
    return text


def run(options: argparse.Namespace) -> int:
    """Prepare, fetch and print what is prepared; 1 or 2 if the run failed."""
    settings = load(read_context(options.env, options.context))
    argv = command_after(options.argv)
    _check(argv, settings)
    client = clients(region_of(settings), retries=5)
    job, data = _deployed(client, settings)
    location = S3Folder.parse(f"{data}/{options.name}")
    refuse_used(location)
    given = {"--out": str(location)} | ({"--options": shlex.join(argv)} if argv else {})
    try:
        done = _prepare(client, job, given)
    except RunFailedError as error:
        for line in str(error).splitlines():
            _say(line)
        return 2 if error.bad_input else 1
    out = options.out or settings.prepared
    manifest = fetch(location, out)
    report = {
        "environment": settings.name,
        "job": job,
        "run": done["Id"],
        "seconds": done.get("ExecutionTime", 0),
        "location": str(location),
        "prepared": str(out),
        "documents": {name: part.documents for name, part in manifest.parts.items()},
        "words": manifest.vocabulary.size,
    }
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        print(_summary(settings, manifest, location, out))
    return 0


def _check(argv: list[str], settings: Settings) -> None:
    """Reject options that the program would reject, before a run that costs money."""
    source = settings.preparation.source
    parser = parser_of_program()
    parser.prog = "operations prepare: options of convert"
    parsed = parser.parse_args(["--corpus", source or SOMEWHERE, "--out", SOMEWHERE, *argv])
    if str(parsed.out) != SOMEWHERE or parsed.options is not None:
        raise SettingsError("--out and --options are not for the job: --name says where it writes")
    for option in ("corpus", "vocab", "stop_words"):
        address = getattr(parsed, option)
        below = f"{source or 's3:/'}/"
        if address not in (None, ENGLISH) and not f"{address}/".startswith(below):
            raise SettingsError(
                f"--{option.replace('_', '-')} is {address}; the job reads only what is below "
                f"preparation.source, {source or 'a folder in S3'}"
            )


def _deployed(client: Clients, settings: Settings) -> tuple[str, str]:
    """Return the job's name, and the address below which it writes."""
    ssm = client("ssm")

    def value(name: str) -> str:
        path = f"/{settings.project}/{settings.env}/{name}"
        return str(ssm.get_parameter(Name=path)["Parameter"]["Value"])

    try:
        return value("preparation-job"), value("prepared-data")
    except ssm.exceptions.ParameterNotFound:
        raise SettingsError(
            f"{settings.name} has no preparation job; set preparation.source in cdk.json and run "
            f"`cdk deploy {settings.name}-storage {settings.name}-preparation`"
        ) from None


def _prepare(client: Clients, job: str, arguments: dict[str, str]) -> Any:
    """Start a run and follow it to its end; stop it if the user interrupts.

    Raises:
        RunFailedError: It did not succeed.
    """
    glue = client("glue")
    try:
        id = glue.start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
    except glue.exceptions.ConcurrentRunsExceededException:
        raise RunFailedError(f"a run of {job} is going on; wait until it has ended") from None
    try:
        _say(f"run {id} of {job}")
        return follow(client, job, id, _say)
    except KeyboardInterrupt:
        try:
            glue.batch_stop_job_run(JobName=job, JobRunIds=[id])
        except (ClientError, BotoCoreError) as error:
            raise RunFailedError(f"interrupted, but run {id} can't be stopped: {error}") from None
        raise RunFailedError(f"interrupted; run {id} is being stopped") from None
    except (ClientError, BotoCoreError) as error:
        raise RunFailedError(
            f"{error}\nrun {id} goes on: look with `aws glue get-job-run --job-name {job} --run-id "
            f"{id}`, and fetch what it wrote with `python -m data_prep fetch {arguments['--out']}`"
        ) from None


def _summary(settings: Settings, manifest: Manifest, location: S3Folder, out: Path) -> str:
    documents = " + ".join(f"{part.documents:,}" for part in manifest.parts.values())
    chosen = "" if out == settings.prepared else f" -c prepared={shlex.quote(str(out))}"
    return (
        f"{documents} documents, {manifest.vocabulary.size:,} words in {location} -> {out}\n"
        f"next: cdk deploy --all -c env={settings.env}{chosen}"
    )


def _say(line: str) -> None:
    print(f"operations prepare: {line}", file=sys.stderr, flush=True)
