"""Prices from the AWS Price List, asked once a week and kept in a file with their date.

A price that AWS does not give is missing: nothing is guessed.
"""

import contextlib
import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from operations.cost.quantities import Product

API_REGION = "us-east-1"  # the Region of the API, which knows the prices of all Regions
CURRENCY = "USD"
FRESH_DAYS = 7
MAX_PRODUCTS = 1000  # in the answer to one question
# Short time-outs, since prices are optional: without a network nobody should wait for minutes.
PATIENCE = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})


@dataclass(frozen=True)
class PriceList:
    """Prices of a Region.

    Attributes:
        asked: The day on which AWS gave them.
        prices: The price of one unit of each usage type, in `CURRENCY`.
    """

    asked: datetime.date
    prices: Mapping[str, Decimal]


def find_prices(products: Iterable[Product], region: str, cache: Path) -> tuple[PriceList, str]:
    """Find the prices of `products`: in the file, or else from AWS.

    Args:
        products: What to ask for.
        region: The Region that they are billed in.
        cache: The file to keep the prices in, one for each Region.

    Returns:
        The prices, some of which may be missing, and why AWS could not be asked, or "".
    """
    wanted = list(products)
    kept = _read(cache)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    fresh = kept is not None and (today - kept.asked).days < FRESH_DAYS
    if kept is not None and fresh and all(p.usage in kept.prices for p in wanted):
        return kept, ""
    try:
        pricing: Any = boto3.client("pricing", region_name=API_REGION, config=PATIENCE)
        asked = {product.usage: _ask(pricing, product, region) for product in wanted}
    except (BotoCoreError, ClientError) as error:
        return kept or PriceList(today, {}), str(error)
    found = {usage: price for usage, price in asked.items() if price is not None}
    fetched = PriceList(today, found)
    _write(cache, fetched)
    return fetched, ""


def _ask(pricing: Any, product: Product, region: str) -> Decimal | None:
    """Ask for the price of a unit; None if there is not exactly one."""
    pages = pricing.get_paginator("get_products").paginate(
        ServiceCode=product.service,
        Filters=[
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in (("regionCode", region), (product.field, product.value))
        ],
        PaginationConfig={"MaxItems": MAX_PRODUCTS},
    )
    usage = re.compile(rf"(.*-)?{re.escape(product.usage)}")
    prices = {
        price
        for page in pages
        for text in page["PriceList"]
        for price in _on_demand(json.loads(text), usage)
    }
    return prices.pop() if len(prices) == 1 else None


def _on_demand(entry: Mapping[str, Any], usage: re.Pattern[str]) -> Iterable[Decimal]:
    """Yield an entry's prices of the first unit, if the entry is of this usage type."""
    with contextlib.suppress(KeyError, TypeError, AttributeError, InvalidOperation):
        if not usage.fullmatch(entry["product"]["attributes"]["usagetype"]):
            return
        for offer in entry["terms"]["OnDemand"].values():
            for dimension in offer["priceDimensions"].values():
                if dimension.get("beginRange", "0") == "0":
                    yield Decimal(dimension["pricePerUnit"][CURRENCY])


def _read(cache: Path) -> PriceList | None:
    """Read the file; None if there is none, or if it has another form."""
    try:
        content = json.loads(cache.read_text(encoding="utf-8"))
        prices = {str(usage): Decimal(price) for usage, price in content[CURRENCY].items()}
        return PriceList(datetime.date.fromisoformat(content["asked"]), prices)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
        return None


def _write(cache: Path, price_list: PriceList) -> None:
    content = {
        "asked": price_list.asked.isoformat(),
        CURRENCY: {usage: str(price) for usage, price in sorted(price_list.prices.items())},
    }
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
