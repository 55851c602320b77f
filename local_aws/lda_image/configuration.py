"""Read the hyperparameters and channels of a training container, and check them as the image does.

Sources: "LDA Hyperparameters" and "Common Data Formats for Training" in the Amazon SageMaker
developer guide. All hyperparameters arrive as strings.
"""

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Self

from local_aws.lda_image import word_counts

_MOST = {"num_topics": 150}


class ConfigurationError(ValueError):
    """A mistake in the request of the caller of CreateTrainingJob."""


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of the LDA image with their documented defaults.

    Attributes:
        num_topics: Topics of the model, up to the 150 that AWS tunes to.
        feature_dim: Size of the vocabulary.
        mini_batch_size: Documents of the corpus. Like the image, training accepts any number and
            uses all documents.
        alpha0: Sum of the Dirichlet prior.
        max_restarts, max_iterations, tol: Limits of the decomposition.
    """

    num_topics: int
    feature_dim: int
    mini_batch_size: int
    alpha0: float = 1.0
    max_restarts: int = 10
    max_iterations: int = 1000
    tol: float = 1e-8

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read `hyperparameters.json`.

        Raises:
            ConfigurationError: One is unknown, missing or out of range.
        """
        given = _load_object(file)
        known = {field.name: field for field in fields(cls)}
        _refuse_unknown(given, known)
        for name, field in known.items():
            if field.default is MISSING and name not in given:
                raise ConfigurationError(f"'{name}' is a required property")
        return cls(**{name: _parse(name, known[name].type, text) for name, text in given.items()})


def _parse(name: str, kind: Any, text: object) -> Any:
    parse: Callable[[str], float] = kind
    try:
        value = parse(text) if isinstance(text, str) else math.nan
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf or value > _MOST.get(name, math.inf):
        raise ConfigurationError(
            f"{text!r} is not valid for '{name}': must be {_allowed(name, kind)}"
        )
    return value


def _allowed(name: str, kind: Any) -> str:
    if name in _MOST:
        return f"a whole number from 1 to {_MOST[name]}"
    return "a whole number of 1 or more" if kind is int else "a positive number"


def load_channels(file: Path) -> dict[str, str]:
    """Read `inputdataconfig.json`.

    Returns:
        The content type of each channel: "train" and, if it is given, "test".

    Raises:
        ConfigurationError: A channel is unknown, missing, or in a format that LDA does not read.
    """
    given = _load_object(file)
    _refuse_unknown(given, ("train", "test"))
    if "train" not in given:
        raise ConfigurationError("'train' is a required property")
    return {name: _content_type(name, channel) for name, channel in given.items()}


def _content_type(name: str, channel: object) -> str:
    if not isinstance(channel, dict):
        raise ConfigurationError(f"channel '{name}' is {channel!r}, must be an object")
    mode = channel.get("TrainingInputMode", "File")
    if mode != "File":
        raise ConfigurationError(f"channel '{name}' has the input mode {mode!r}, must be 'File'")
    header = channel.get("ContentType", word_counts.RECORDIO)
    media, *parameters = (part.strip().lower() for part in str(header).split(";"))
    if media == word_counts.CSV and "label_size=0" not in parameters:
        raise ConfigurationError(
            f"channel '{name}' is {header!r}: LDA has no labels, must be 'text/csv;label_size=0'"
        )
    if media not in (word_counts.RECORDIO, word_counts.CSV):
        raise ConfigurationError(
            f"channel '{name}' has the content type {header!r}, must be"
            f" '{word_counts.RECORDIO}' or '{word_counts.CSV};label_size=0'"
        )
    return media


def _load_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file.name} can't be read: {error}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file.name} must hold an object")
    return content


def _refuse_unknown(given: dict[str, Any], known: Any) -> None:
    unknown = sorted(given.keys() - set(known))
    if unknown:
        names = ", ".join(repr(name) for name in unknown)
        verb = "was" if len(unknown) == 1 else "were"
        raise ConfigurationError(
            f"Additional properties are not allowed ({names} {verb} unexpected)"
        )
