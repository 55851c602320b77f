"""A topic model in memory, and the error for a file without one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_prep.errors import InputError


class ArtifactError(InputError):
    """A model file can't be read, is something else, or holds an impossible model."""


@dataclass(frozen=True, eq=False)
class Model:
    """An LDA topic model.

    Attributes:
        alpha: (K,) float64, the Dirichlet prior of the topic mixtures; positive.
        beta: (K, V) float64, the probability of each word in each topic; rows sum to 1.
    """

    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]
