"""Numbers as a page shows them."""

import math

MINUS = "\N{MINUS SIGN}"
_NONE = "\N{EN DASH}"


def decimal(value: float | None, places: int) -> str:
    """Return a number with a minus sign that is one; a dash for one that there is not."""
    if value is None or math.isnan(value):
        return _NONE
    return f"{value:.{places}f}".replace("-", MINUS)


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
