"""The charts of a page, as places and labels that a template draws.

The page's style gives them colours, so one drawing serves light, dark and paper. Matplotlib would
take longer for them than all the rest of the page takes.
"""

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topics.report.overview import Overview

Array = NDArray[np.float64]

WIDTH, HEIGHT = 360, 240  # CSS pixels: fits a phone, so that text is not scaled down
LEFT, TOP, BOTTOM = 46, 8, 200  # of the field in which data are
_RIGHT = 352
_HEAT_RIGHT = 300  # beside it is the scale of the shades
FEW_TOPICS = 12  # up to this number, each topic has a tick
_CELLS = 240  # of the heat map of beta, in the direction of the words
_TICKS = 7  # of an axis, at most, beside that of 0
_SCALE_TICKS = 4


class Tick(NamedTuple):
    """A place on an axis, and what is written there."""

    at: float
    label: str


class Bar(NamedTuple):
    """A bar that stands on the horizontal axis."""

    x: float
    y: float
    width: float
    height: float


class Chart(NamedTuple):
    """A chart; places are in pixels from the upper left corner.

    Attributes:
        name: Of the chart in the page.
        right: Where the field ends.
        x_label, y_label: Of the axes.
        x_ticks, y_ticks: Along the axes.
        points: Of a line.
        bars: Bars.
        shades: PNG of a heat map, as a data URL, white where the values are largest.
        scale_label, scale_ticks: Of the shades.
    """

    name: str
    right: float
    x_label: str
    y_label: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: Sequence[tuple[float, float]] = ()
    bars: Sequence[Bar] = ()
    shades: str = ""
    scale_label: str = ""
    scale_ticks: Sequence[Tick] = ()


def draw_alpha(overview: Overview) -> Chart:
    """Draw alpha by the number of the topic."""
    alpha = overview.model.alpha
    y_ticks, height = _upright(float(alpha.max()))
    at = _middles(len(alpha), LEFT, _RIGHT)
    points = [(x, BOTTOM - height * value) for x, value in zip(at, alpha.tolist(), strict=True)]
    return Chart("alpha", _RIGHT, "topic", "alpha", _number_topics(at), y_ticks, points)


def draw_sizes(overview: Overview) -> Chart:
    """Draw the share of all words of each topic, the largest first."""
    sizes = [100 * topic.size for topic in overview.topics]
    y_ticks, height = _upright(sizes[0])
    at = _middles(len(sizes), LEFT, _RIGHT)
    width = 0.7 * (_RIGHT - LEFT) / len(sizes)
    bars = [
        Bar(x - width / 2, BOTTOM - height * size, width, height * size)
        for x, size in zip(at, sizes, strict=True)
    ]
    few = len(sizes) <= FEW_TOPICS  # there is no room for more numbers
    ticks = [
        Tick(x, str(topic.number)) for x, topic in zip(at, overview.topics, strict=True) if few
    ]
    label = "topic, the largest first"
    return Chart("sizes", _RIGHT, label, "% of all words", ticks, y_ticks, bars=bars)


def draw_beta(overview: Overview) -> Chart:
    """Draw the probabilities of all words."""
    cells = stair(overview)
    most = float(cells.max())
    topics = _number_topics(_middles(len(cells), TOP, BOTTOM))
    label = "words, each with the topic that has most of it"
    scale = [
        Tick(_scale(math.sqrt(tick / most)), f"{tick:g}")
        for tick in _round_numbers(most, _SCALE_TICKS)
    ]
    shades = _shades(np.sqrt(cells / most))
    return Chart(
        "beta",
        _HEAT_RIGHT,
        label,
        "topic",
        [],
        topics,
        shades=shades,
        scale_label="probability",
        scale_ticks=scale,
    )


def draw_similarity(overview: Overview) -> Chart:
    """Draw the cosines of each two topics."""
    number = len(overview.topics)
    return Chart(
        "similarity",
        _HEAT_RIGHT,
        "topic",
        "topic",
        _number_topics(_middles(number, LEFT, _HEAT_RIGHT)),
        _number_topics(_middles(number, TOP, BOTTOM)),
        shades=_shades(overview.similarity),
        scale_label="cosine",
        scale_ticks=[Tick(_scale(tick / 5), f"{tick / 5:g}") for tick in range(6)],
    )


def stair(overview: Overview) -> Array:
    """Return (K, cells) the largest word probability of each topic in each of some cells.

    Each word is placed with the topic that has most of it, so that good topics make a stair.
    """
    beta = overview.model.beta
    owner = (beta * overview.sample.shares[:, np.newaxis]).argmax(axis=0)
    order = np.lexsort((-beta[owner, np.arange(len(owner))], owner))
    starts = np.unique(np.linspace(0, len(order), _CELLS, endpoint=False).astype(np.int64))
    cells: Array = np.maximum.reduceat(beta[:, order], starts, axis=1)
    return cells


def _middles(number: int, start: float, stop: float) -> list[float]:
    """Return the middles of equal parts of an axis."""
    return [start + (stop - start) * (part + 0.5) / number for part in range(number)]


def _number_topics(places: list[float]) -> list[Tick]:
    if len(places) <= FEW_TOPICS:
        return [Tick(at, str(topic)) for topic, at in enumerate(places)]
    return [Tick(places[round(tick)], f"{tick:g}") for tick in _round_numbers(len(places) - 1)]


def _upright(most: float) -> tuple[list[Tick], float]:
    """Return the ticks of an axis from 0 to above a value, and the pixels of a unit."""
    height = (BOTTOM - TOP) / (1.05 * most)
    return [Tick(BOTTOM - height * tick, f"{tick:g}") for tick in _round_numbers(most)], height


def _round_numbers(most: float, number: int = _TICKS) -> list[float]:
    """Return 0 and up to `number` multiples of 1, 2 or 5 times a power of ten, up to `most`."""
    power = 10.0 ** math.floor(math.log10(most / number))
    step = next(power * factor for factor in (1, 2, 5, 10) if most / (power * factor) <= number)
    return [number * step for number in range(int(most / step + 1e-9) + 1)]


def _scale(share: float) -> float:
    return BOTTOM - share * (BOTTOM - TOP)


def _shades(values: Array) -> str:
    """Return an image of (rows, columns) values from 0, black, to 1, white, as a data URL.

    Source: "Portable Network Graphics (PNG) Specification (Third Edition)", W3C, 2025: greyscale
    of 8 bits; each row begins with the number of its filter, 0 for none.
    """
    rows, columns = values.shape
    pixels = np.zeros((rows, columns + 1), np.uint8)
    pixels[:, 1:] = np.rint(255 * values)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(pixels.tobytes(), 9), b"IEND": b""}
    image = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks.items()
    )
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


CHARTS = {
    "Alpha": draw_alpha,
    "Sizes": draw_sizes,
    "Beta": draw_beta,
    "Similarity": draw_similarity,
}
"""By their titles."""
