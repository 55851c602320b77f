"""Split documents into training documents and held-out documents."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


def held_out(documents: int, test_fraction: float, seed: int | None = None) -> NDArray[np.bool_]:
    """Return which documents are for testing, as a mask (documents,).

    The first `(1 - test_fraction) * documents`, rounded down, are for training, the others for
    testing. With a seed, as many are chosen at random. The fraction is taken as its decimal number:
    with 0.9, one of ten documents is for training, where floats would round to none.
    """
    training = int((1 - Fraction(str(test_fraction))) * documents)
    mask = np.zeros(documents, np.bool_)
    mask[training:] = True
    if seed is not None:
        np.random.default_rng(seed).shuffle(mask)
    return mask


def share(documents: int, testing: int) -> float:
    """Return the fraction with which `held_out` holds out exactly the last `testing` documents."""
    fraction = testing / documents
    training = int((1 - Fraction(str(fraction))) * documents)
    return fraction if training == documents - testing else math.nextafter(fraction, 0)
