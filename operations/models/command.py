"""`python -m operations models`: list, compare and delete the models of an environment."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.arguments import Commands, whole_from
from cli.tables import table
from operations.environment import Clients, clients, region_of
from operations.models import prune
from operations.models.stored import Model, Place, list_models, place_of
from stacks.settings import Settings, SettingsError, load, read_context

_HEAD = ("fingerprint", "made", "topics", "documents", "size", "commit", "metrics", "needed by")
_SHORT = 12  # digits of a fingerprint, as in the names of jobs
_RETRIES = 8
_UNITS = ("bytes", "kB", "MB", "GB", "TB")

_EXAMPLES = """\
examples:
  python -m operations models --env prod
  python -m operations models compare 4b16b483c0ab de0a8dc91e17 --env prod
  python -m operations models prune --keep 3 --env prod
  python -m operations models prune --older-than 90 --yes --env prod

A fingerprint may be shortened, as long as only one model begins with it. `compare` shows what
differs between the two, and then the topics, by `python -m topics compare`.

`prune` never deletes a model that a model of SageMaker or a stack's template names, so that a
rollback always has its model. With a model it deletes its jobs' outputs, and data of no other one.
"""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    parser = commands.add_parser(
        "models",
        help="list the models in the bucket; compare two, or delete those that nothing needs",
        description="List the models that an environment has made, compare two of them, or delete "
        "those that nothing needs.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "compare", "prune"),
        default="list",
        help="what to do (default: list)",
    )
    parser.add_argument(
        "fingerprints", nargs="*", metavar="FINGERPRINT", help="the two models to compare"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--keep",
        type=whole_from(0),
        metavar="N",
        help="prune: keep the newest N of the models that nothing needs",
    )
    chosen.add_argument(
        "--older-than",
        type=whole_from(0),
        metavar="DAYS",
        help="prune: delete those that are older than so many days",
    )
    parser.add_argument("--yes", action="store_true", help="prune: do not ask")
    parser.add_argument(
        "--retained",
        action="store_true",
        help="prune: also where the setting retain_data keeps data and models",
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """Do what was asked; return 0 if it succeeded, 1 if it failed."""
    _check_use(options)
    settings = load(read_context(options.env, options.context))
    client = clients(region_of(settings), retries=_RETRIES)
    place = place_of(settings, client)
    models = list_models(place, client)
    if options.action == "compare":
        return _compare(
            place, settings.prepared, *(_find(models, each) for each in options.fingerprints)
        )
    if options.action == "prune":
        return _prune(options, settings, place, models, client)
    if options.json:
        print(json.dumps([_as_json(model, place) for model in models], indent=2))
    elif models:
        print("\n".join(_lines(models)))
    else:
        print(f"{place} has no models")
    return 0


def _check_use(options: argparse.Namespace) -> None:
    compared = len(options.fingerprints)
    if compared != (2 if options.action == "compare" else 0):
        raise SettingsError(
            f"{options.action} takes {'two' if options.action == 'compare' else 'no'} "
            f"fingerprints; {compared} were given"
        )
    rule = options.keep is not None or options.older_than is not None
    if options.action == "prune" and not rule:
        raise SettingsError("prune needs --keep N or --older-than DAYS")
    if options.action != "prune" and (rule or options.yes or options.retained):
        raise SettingsError("--keep, --older-than, --yes and --retained are for prune")
    if options.action == "compare" and options.json:
        raise SettingsError("compare prints no JSON")


def _find(models: Sequence[Model], begin: str) -> Model:
    found = [model for model in models if begin and model.fingerprint.startswith(begin)]
    if len(found) != 1:
        raise SettingsError(f"{len(found)} models begin with {begin!r}; one must")
    return found[0]


def _lines(models: Sequence[Model]) -> Iterator[str]:
    rows = [_HEAD, *(_row(model) for model in models)]
    yield table(rows, right=(2, 3, 4))
    yield f"\n{_models(len(models))}, {_size(sum(model.bytes for model in models))}"


def _row(model: Model) -> tuple[str, ...]:
    return (
        model.fingerprint[:_SHORT],
        f"{model.made:%Y-%m-%d %H:%M}",
        _count(model.num_topics),
        _count(model.documents),
        _size(model.bytes),
        model.metadata.get("commit", "-")[:_SHORT],
        model.metadata.get("metrics", "-"),
        model.needed_by or "-",
    )


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _models(number: int) -> str:
    return f"{number:,} model" if number == 1 else f"{number:,} models"


def _size(size: float) -> str:
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"


def _as_json(model: Model, place: Place) -> dict[str, Any]:
    return {
        "fingerprint": model.fingerprint,
        "address": model.address(place),
        "made": model.made.isoformat(),
        "bytes": model.bytes,
        "num_topics": model.num_topics,
        "documents": model.documents,
        "needed_by": model.needed_by,
        "metadata": dict(model.metadata),
    }


def _compare(place: Place, prepared: Path, first: Model, second: Model) -> int:
    rows = zip(*(_row(model) for model in (first, second)), strict=True)
    facts = [(name, *cells) for name, cells in zip(_HEAD, rows, strict=True)]
    others = sorted({*first.metadata, *second.metadata} - {"fingerprint", "commit", "metrics"})
    facts += [
        (name, *(model.metadata.get(name, "-") for model in (first, second))) for name in others
    ]
    print(table([fact for fact in facts if fact[1] != fact[2]]))
    print(flush=True)
    addresses = [model.address(place) for model in (first, second)]
    topics = [sys.executable, "-m", "topics", "compare", *addresses, "--prepared", str(prepared)]
    return subprocess.run(topics, check=False).returncode


def _prune(
    options: argparse.Namespace,
    settings: Settings,
    place: Place,
    models: Sequence[Model],
    client: Clients,
) -> int:
    if settings.retain_data and not options.retained:
        raise SettingsError(
            f"retain_data is on: {settings.name} keeps its data and models; --retained deletes "
            "them all the same"
        )
    days = options.older_than
    before = None if days is None else datetime.now(UTC) - timedelta(days=days)
    chosen = prune.choose(models, keep=options.keep, made_before=before)
    if not chosen:
        print(f"{place}: nothing to delete of {_models(len(models))}")
        return 0
    found = prune.find(place, models, chosen, client)
    print("\n".join(_lines(chosen)), file=sys.stderr)
    what = f"{_models(len(chosen))}, {len(found.keys)} files, {_size(found.bytes)}"
    if not options.yes:
        if not _agreed(f"Delete {what} in {place}? [y/N] "):
            print("nothing was deleted", file=sys.stderr)
            return 1
        # The question may have waited for hours: what nothing needed then may be needed now.
        now = list_models(place, client)
        if now != models or prune.find(place, now, chosen, client) != found:
            raise SettingsError(f"{place}, or what needs it, has changed meanwhile: look again")
    failed = prune.delete(place, found.keys, client)
    for each in failed:
        print(f"operations models: not deleted: {each}", file=sys.stderr)
    if options.json:
        deleted = sorted({model.fingerprint for model in chosen})
        print(json.dumps({"deleted": deleted, "bytes": found.bytes, "failed": failed}, indent=2))
    elif not failed:
        print(f"deleted {what}; the bucket keeps old versions as its lifecycle says")
    return int(bool(failed))


def _agreed(question: str) -> bool:
    if not sys.stdin or not sys.stdin.isatty():
        raise SettingsError("there is no terminal to ask on: --yes deletes without asking")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
