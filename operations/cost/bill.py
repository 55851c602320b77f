"""The bill: what amounts of items cost, as a table."""

from collections.abc import Sequence
from decimal import Decimal

from cli.tables import table
from operations.cost.prices import CURRENCY, PriceList
from operations.cost.quantities import Item

CENT = Decimal("0.01")


def cost(item: Item, amount: float, price_list: PriceList) -> Decimal | None:
    """Return what `amount` of an item costs, in `CURRENCY`; None if its price is missing."""
    price = price_list.prices.get(item.product.usage)
    return None if price is None else price * Decimal(amount / item.divisor)


def bill(amounts: Sequence[tuple[Item, float]], price_list: PriceList) -> str:
    """Return a table with a row for each item: its name, the amount, and what that costs."""
    return table(
        [
            (f"  {item.name}", f"{amount:,.4g}", item.unit, _price(cost(item, amount, price_list)))
            for item, amount in amounts
        ],
        right=(1, 3),
    )


def _price(amount: Decimal | None) -> str:
    return "no price" if amount is None else f"{amount.quantize(CENT):,} {CURRENCY}"
