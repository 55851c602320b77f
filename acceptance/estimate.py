"""What a run of the acceptance bills, by `operations cost`, and how long it takes."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from acceptance.life import Step
from operations.cost.prices import CURRENCY, PriceList
from operations.cost.quantities import HOURS_A_MONTH, LEFT_OUT, MONTH, Item

CENT = Decimal("0.01")


def lines(billed: Iterable[Item], price_list: PriceList, steps: Sequence[Step]) -> Iterable[str]:
    """Say how long the steps take, and what they bill at most.

    What is billed by the month is there for the whole time, and jobs take all the time they may:
    both is more than will be.
    """
    minutes = sum(step.minutes for step in steps)
    share, jobs = minutes / 60 / HOURS_A_MONTH, sum(step.jobs for step in steps)
    rows = [(item, item.amount * (share if item.per == MONTH else jobs)) for item in billed]
    costs = [_cost(item, amount, price_list) for item, amount in rows]
    known = [cost for cost in costs if cost is not None]
    yield f"It takes about {minutes} minutes on AWS, and {_total(known, len(costs))}:"
    for (item, amount), cost in zip(rows, costs, strict=True):
        told = "no price" if cost is None else f"{cost.quantize(CENT):>6} {CURRENCY}"
        yield f"  {item.name:<48} {amount:>9,.3g} {item.unit:<8} {told}"
    if known:
        yield f"Prices on demand, from the AWS Price List of {price_list.asked}."
    yield f"Left out: {LEFT_OUT}."


def _total(known: list[Decimal], items: int) -> str:
    if not known:
        return "AWS tells no prices of what it bills"
    total = f"{sum(known, Decimal()).quantize(CENT)} {CURRENCY}"
    if len(known) < items:
        return f"bills {total} and what has no price here"
    return f"bills at most {total}"


def _cost(item: Item, amount: float, price_list: PriceList) -> Decimal | None:
    price = price_list.prices.get(item.product.usage)
    return None if price is None else price * Decimal(amount / item.divisor)
