"""Whether more topics make a better model: fit one for each number, and measure them."""

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from topics.prepared import Prepared
from topics.quality import Quality, measure
from topics.spectral import SpectralError, fit


class Trial(NamedTuple):
    """A number of topics.

    Attributes:
        num_topics: The number.
        quality: Of the model; None if none could be fitted.
        seconds: That the fit took.
        problem: Why there is no model; None if there is one.
    """

    num_topics: int
    quality: Quality | None
    seconds: float
    problem: str | None


def sweep(corpus: Prepared, numbers: Iterable[int], alpha0: float) -> Iterator[Trial]:
    """Yield a trial for each number of topics; one that the data does not support says so."""
    for number in numbers:
        start = time.perf_counter()
        try:
            model = fit(corpus.train, number, alpha0=alpha0)
        except SpectralError as error:
            yield Trial(number, None, time.perf_counter() - start, str(error))
            continue
        seconds = time.perf_counter() - start
        yield Trial(number, measure(model, corpus), seconds, None)


def best(trials: Iterable[Trial]) -> dict[str, int]:
    """Return the number of topics at which each measure is largest."""
    found: dict[str, tuple[float, int]] = {}
    for trial in trials:
        if trial.quality is not None:
            for name, value in trial.quality.means().items():
                if value is not None and value > found.get(name, (-float("inf"), 0))[0]:
                    found[name] = (value, trial.num_topics)
    return {name: number for name, (_, number) in found.items()}
