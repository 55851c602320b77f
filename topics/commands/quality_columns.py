"""Measures of quality as columns of a table."""

from topics.quality.measures import Quality

MEASURES = {"log_likelihood": "log likelihood", "npmi": "NPMI", "umass": "UMass"}
HEAD = "log likelihood     NPMI    UMass"


def cells(quality: Quality) -> str:
    """Return the numbers below `HEAD`."""
    means = quality.means()
    return "{:>14}  {:>7}  {:>7}".format(*(number(means[name]) for name in MEASURES))


def number(value: float | None) -> str:
    """Return a number as text; a dash if there is none."""
    return "-" if value is None else f"{value:.4f}"
