"""Estimate what a run of the acceptance costs, and how long it takes."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from acceptance.life import Step
from operations.cost.bill import CENT, bill, cost
from operations.cost.prices import CURRENCY, PriceList
from operations.cost.quantities import HOURS_A_MONTH, LEFT_OUT, MONTH, TRANSFORM, Item


def lines(billed: Iterable[Item], price_list: PriceList, steps: Sequence[Step]) -> Iterator[str]:
    """Yield how long the steps take, and what they cost at most.

    It assumes that items billed by the month exist for the whole time, and that each job takes its
    time limit. The real cost is lower.
    """
    minutes = sum(step.minutes for step in steps)
    share, jobs = minutes / 60 / HOURS_A_MONTH, sum(step.jobs for step in steps)
    amounts = [
        (item, item.amount * (share if item.per == MONTH else jobs))
        for item in billed
        if item.per != TRANSFORM  # no step runs one
    ]
    costs = [cost(item, amount, price_list) for item, amount in amounts]
    known = [one for one in costs if one is not None]
    yield f"It takes about {minutes} minutes on AWS, and {_total(known, len(costs))}:"
    yield from bill(amounts, price_list).splitlines()
    if known:
        yield f"Prices on demand, from the AWS Price List of {price_list.asked}."
    yield f"Left out: {LEFT_OUT}."


def _total(known: list[Decimal], items: int) -> str:
    if not known:
        return "AWS gave no prices of what it uses"
    total = f"{sum(known, Decimal()).quantize(CENT)} {CURRENCY}"
    if len(known) < items:
        return f"costs {total}, without the items that have no price here"
    return f"costs at most {total}"
