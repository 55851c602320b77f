"""`python -m operations cost`: print what an environment costs."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.arguments import Commands, whole_from
from data_prep.manifest import Manifest, ManifestError
from operations.cost.bill import bill, cost
from operations.cost.prices import CURRENCY, PriceList, find_prices
from operations.cost.quantities import LEFT_OUT, Item, items
from operations.environment import region_of
from stacks.settings import load, read_context

CACHE = Path("build")

_EXAMPLES = """\
examples:
  python -m operations cost
  python -m operations cost --env prod --json
  python -m operations cost -c endpoint.instance_type=ml.m5.large -c endpoint.instance_count=2
  python -m operations cost -c serverless.memory_mb=2048 --requests 50000

The prices come from the AWS Price List API. The credentials of the environment need
pricing:GetProducts for it. Prices are kept for a week in build/prices-REGION.json. Without an
answer of AWS only quantities are printed.
"""


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    parser = commands.add_parser(
        "cost",
        help="print what an environment costs",
        description="Print what an environment of cdk.json costs: a month, a training run, a "
        "transform job, a preparation run.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--requests",
        type=whole_from(0),
        default=100_000,
        metavar="N",
        help="requests a month, for a serverless endpoint (default: 100000)",
    )
    parser.add_argument(
        "--request-ms",
        type=whole_from(1),
        default=100,
        metavar="MS",
        help="milliseconds that one request takes (default: 100)",
    )
    return parser


def run(options: argparse.Namespace) -> None:
    """Print what an environment costs, or only quantities if AWS gives no prices."""
    settings = load(read_context(options.env, options.context))
    region = region_of(settings)
    try:
        corpus = Manifest.load(settings.prepared)
    except ManifestError as error:
        corpus = None
        print(f"operations cost: the bucket is left out: {error}", file=sys.stderr)
    billed = list(items(settings, corpus, requests=options.requests, request_ms=options.request_ms))
    price_list, problem = find_prices(
        [item.product for item in billed], region, CACHE / f"prices-{region}.json"
    )
    if problem:
        print(f"operations cost: AWS gave no prices: {problem}", file=sys.stderr)
    if options.json:
        print(json.dumps(_report(settings.name, region, billed, price_list), indent=2))
    else:
        print("\n".join(_lines(settings.name, region, billed, price_list)))


def _lines(name: str, region: str, billed: list[Item], price_list: PriceList) -> Iterator[str]:
    yield f"{name} in {region}"
    for per in dict.fromkeys(item.per for item in billed):
        yield f"\n{per}"
        yield bill([(item, item.amount) for item in billed if item.per == per], price_list)
    if price_list.prices:
        yield f"\nPrices on demand in {CURRENCY}, from the AWS Price List of {price_list.asked}."
    yield f"\nLeft out: {LEFT_OUT}."


def _report(name: str, region: str, billed: list[Item], price_list: PriceList) -> dict[str, Any]:
    return {
        "environment": name,
        "region": region,
        "currency": CURRENCY,
        "prices_of": price_list.asked.isoformat() if price_list.prices else None,
        "items": [
            {
                "name": item.name,
                "amount": item.amount,
                "unit": item.unit,
                "per": item.per,
                "cost": None if price is None else float(price),
            }
            for item in billed
            for price in [cost(item, item.amount, price_list)]
        ],
        "left_out": LEFT_OUT,
    }
