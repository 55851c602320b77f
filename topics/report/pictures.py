"""Pictures for pages, in a light and a dark version, and for files, drawn with Matplotlib."""

import io
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data_prep.files import replacing
from topics.quality.num_topics import Recommendation, Trial
from topics.report.overview import WORDS, Overview

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import FigureBase


class Palette(NamedTuple):
    """Colours of text, of labels, of lines, and of data."""

    ink: str
    muted: str
    rule: str
    accent: str


LIGHT = Palette("#1d1c1a", "#67635b", "#ddd8cc", "#1f5f8b")
DARK = Palette("#e9e6df", "#a29d92", "#34373c", "#7db4dc")

_SIZE = (3.6, 2.4)  # inches of 100 CSS pixels: fits a phone, so that text is not scaled down
_DOTS_PER_INCH = 200
_CELLS = 240  # of the heat map of beta, in the direction of the words
_FEW_TOPICS = 12  # up to this number, each topic has a tick
_WORD_COLUMNS = 4
_SWEEP_PANELS = {
    "held-out log likelihood per word": "log_likelihood",
    "coherence, NPMI": "npmi",
    "coherence, UMass": "umass",
    "seconds to fit": "",
}
_FEW_NUMBERS = 8  # up to this number, labels fit beside each other
_NOTE_LETTERS = 125  # in a line
_LONG_WORD = 16  # letters; longer words are cut
_STYLE = {
    "font.family": "sans-serif",
    # Matplotlib measures text with the first font it has; a browser shows the first it has.
    "font.sans-serif": ["Segoe UI", "Roboto", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "topics",  # equal pictures have equal bytes
}

Draw = Callable[..., None]
"""Draws its data on a figure with a palette."""


class Picture(NamedTuple):
    """A picture of a report: its name, its title, and the function that draws it."""

    name: str
    title: str
    draw: Callable[["FigureBase", Palette, Overview], None]


def svg(picture: Picture, palette: Palette, overview: Overview) -> bytes:
    """Return a picture for a page, without title or background."""
    return _render("svg", _SIZE, palette, picture.draw, overview)


def save_report(file: Path, overview: Overview) -> None:
    """Write the pictures of a report, and the words of each topic, into one file.

    The ending of the file gives the format.
    """
    width, height = _SIZE
    words = _words_height(overview)
    size = (max(2 * width, 2.2 * _WORD_COLUMNS), 2 * height + words)
    content = _render(file.suffix.removeprefix("."), size, LIGHT, _draw_report, overview)
    with replacing(file) as stream:
        stream.write(content)


def _words_height(overview: Overview) -> float:
    """Return the height of the words of all topics, in inches."""
    return 1.9 * -(-len(overview.topics) // _WORD_COLUMNS) + 0.5


def _draw_report(figure: "FigureBase", palette: Palette, overview: Overview) -> None:
    ratios = (2 * _SIZE[1], _words_height(overview))
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios).ravel()
    pictures = (*PICTURES, Picture("words", "Most probable words", _draw_words))
    for part, picture in zip((*above.subfigures(2, 2).ravel(), below), pictures, strict=True):
        picture.draw(part, palette, overview)
        part.suptitle(picture.title, fontsize=10, x=0.02, ha="left")


def save_sweep(
    file: Path, trials: list[Trial], frequencies: float, found: Recommendation | None
) -> None:
    """Write a picture of quality against the number of topics.

    The ending of the file gives the format.
    """
    content = _render(
        file.suffix.removeprefix("."), (7.2, 4.8), LIGHT, _draw_sweep, trials, frequencies, found
    )
    with replacing(file) as stream:
        stream.write(content)


def _render(
    format_: str,
    size: tuple[float, float],
    palette: Palette,
    draw: Draw,
    *data: Any,
) -> bytes:
    import matplotlib as mpl  # here: the import takes half a second
    from matplotlib.figure import Figure

    colours = {
        "text.color": palette.ink,
        "axes.labelcolor": palette.muted,
        "axes.edgecolor": palette.rule,
        "xtick.color": palette.rule,
        "ytick.color": palette.rule,
        "xtick.labelcolor": palette.muted,
        "ytick.labelcolor": palette.muted,
        "grid.color": palette.rule,
    }
    content = io.BytesIO()
    with mpl.rc_context(_STYLE | colours), warnings.catch_warnings():  # type: ignore[arg-type]
        # About words in letters that the font lacks, which are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=size, layout="constrained", dpi=_DOTS_PER_INCH)
        draw(figure, palette, *data)
        figure.savefig(
            content,
            format=format_,
            facecolor="none" if format_ == "svg" else "white",
            metadata={"Date": None} if format_ == "svg" else None,
        )
    return content.getvalue()


def _draw_alpha(figure: "FigureBase", palette: Palette, overview: Overview) -> None:
    axes = figure.subplots()
    axes.plot(overview.model.alpha, color=palette.accent, marker="o", markersize=3, linewidth=1.4)
    axes.set(ylabel="alpha", ylim=(0, None))
    axes.grid(axis="y", linewidth=0.6)
    _number_topics(axes, "x", len(overview.topics))


def _draw_sizes(figure: "FigureBase", palette: Palette, overview: Overview) -> None:
    axes = figure.subplots()
    sizes = [100 * topic.size for topic in overview.topics]
    axes.bar(range(len(sizes)), sizes, color=palette.accent, width=0.7)
    axes.set(ylabel="% of all words", xlabel="topic, the largest first")
    axes.grid(axis="y", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter("{x:g}")
    few = len(sizes) <= _FEW_TOPICS  # there is no room for more numbers
    numbers = [str(topic.number) for topic in overview.topics] if few else []
    axes.set_xticks(range(len(numbers)), labels=numbers)


def _draw_beta(figure: "FigureBase", palette: Palette, overview: Overview) -> None:
    """Place each word with the topic that has most of it, so that good topics make a stair."""
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import MaxNLocator

    beta = overview.model.beta
    sizes = np.zeros(len(beta))
    for topic in overview.topics:
        sizes[topic.number] = topic.size
    owner = (beta * sizes[:, np.newaxis]).argmax(axis=0)
    order = np.lexsort((-beta[owner, np.arange(len(owner))], owner))
    starts = np.unique(np.linspace(0, len(order), _CELLS, endpoint=False).astype(np.int64))
    cells = np.maximum.reduceat(beta[:, order], starts, axis=1)
    axes = figure.subplots()
    image = axes.imshow(
        cells,
        aspect="auto",
        interpolation="none",
        cmap=_tints(palette.accent),
        norm=PowerNorm(0.5, 0, float(cells.max())),
        extent=(0, len(order), len(beta) - 0.5, -0.5),
    )
    ticks = MaxNLocator(4)
    figure.colorbar(image, ax=axes, label="probability", ticks=ticks, pad=0.02, aspect=30)
    axes.set(xlabel="words, each with the topic that has most of it", xticks=[])
    _number_topics(axes, "y", len(beta))


def _draw_similarity(figure: "FigureBase", palette: Palette, overview: Overview) -> None:
    axes = figure.subplots()
    image = axes.imshow(
        overview.similarity,
        aspect="auto",
        interpolation="none",
        cmap=_tints(palette.accent),
        vmin=0,
        vmax=1,
    )
    figure.colorbar(image, ax=axes, label="cosine", pad=0.02, aspect=30)
    _number_topics(axes, "x", len(overview.topics))
    _number_topics(axes, "y", len(overview.topics))


def _draw_words(figure: "FigureBase", palette: Palette, overview: Overview) -> None:
    """Draw all topics in one pair of axes: axes for each of 100 topics would take a minute."""
    axes = figure.subplots()
    axes.set_axis_off()
    for place, topic in enumerate(overview.topics):
        row, column = divmod(place, _WORD_COLUMNS)
        left, top = 1.8 * column, row * (WORDS + 2.5)
        shares = [word.probability / topic.words[0].probability for word in topic.words]
        heights = [top + 1 + at for at in range(len(shares))]
        axes.barh(heights, shares, left=left, height=0.75, color=palette.accent)
        axes.text(left, top, f"topic {topic.number}", va="center", fontsize=8)
        for height, word in zip(heights, topic.words, strict=True):
            short = word.word if len(word.word) <= _LONG_WORD else f"{word.word[:_LONG_WORD]}..."
            axes.text(
                left - 0.04,
                height,
                short,
                ha="right",
                va="center",
                fontsize=7,
                color=palette.muted,
                parse_math=False,  # a word with dollar signs is not a formula
            )
    rows = -(-len(overview.topics) // _WORD_COLUMNS)
    axes.set(xlim=(-0.8, 1.8 * _WORD_COLUMNS - 0.7), ylim=(rows * (WORDS + 2.5) - 1, -1))


def _draw_sweep(
    figure: "FigureBase",
    palette: Palette,
    trials: list[Trial],
    frequencies: float,
    found: Recommendation | None,
) -> None:
    """Draw a mark for each number in each panel: a point, or a cross if there is no model."""
    numbers = [trial.num_topics for trial in trials]
    tried = [trial for trial in trials if trial.problem is None]
    failed = [trial for trial in trials if trial.problem is not None]
    grid = figure.subplots(2, 2).ravel()
    for axes, (title, measure) in zip(grid, _SWEEP_PANELS.items(), strict=True):
        if measure:
            means = [trial.mean(measure) for trial in tried]
            values, errors = [mean.value for mean in means], [mean.error for mean in means]
        else:
            values, errors = [trial.seconds or 0 for trial in tried], None
        axes.errorbar(
            [trial.num_topics for trial in tried],
            values,
            errors,
            color=palette.accent,
            marker="o",
            markersize=4,
            capsize=2,
        )
        axes.plot(
            [trial.num_topics for trial in failed],
            [0.03] * len(failed),
            transform=axes.get_xaxis_transform(),
            color=palette.ink,
            marker="x",
            linestyle="none",
        )
        axes.set_title(title, fontsize=9, loc="left")
        axes.grid(axis="y", linewidth=0.6)
        axes.set_xscale("log")
        axes.set_xticks(
            numbers, labels=map(str, numbers), rotation=90 if len(numbers) > _FEW_NUMBERS else 0
        )
        axes.set_xticks([], minor=True)
        if found:
            axes.axvline(found.num_topics, color=palette.muted, linestyle=":", linewidth=1)
    grid[0].axhline(frequencies, color=palette.muted, linestyle="--", linewidth=1)
    grid[0].annotate(
        "word frequencies alone",
        (1, frequencies),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7,
        color=palette.muted,
    )
    for axes in grid[2:]:
        axes.set_xlabel("number of topics")
    notes = [f"x  {trial.num_topics}: no model: {trial.problem}" for trial in failed]
    if found:
        notes.insert(0, f"recommended (dotted): {found.num_topics}: {found.reason}")
    lines = [line for note in notes for line in textwrap.wrap(note, _NOTE_LETTERS)]
    figure.suptitle("\n".join(lines), fontsize=7, x=0.02, ha="left", parse_math=False)


def _tints(colour: str) -> "Colormap":
    """Return shades from transparent to a colour, for any background."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    return LinearSegmentedColormap.from_list("tints", [(*to_rgb(colour), 0), (*to_rgb(colour), 1)])


def _number_topics(axes: "Axes", way: str, topics: int) -> None:
    from matplotlib.ticker import FixedLocator, MaxNLocator

    axis = axes.xaxis if way == "x" else axes.yaxis
    few = topics <= _FEW_TOPICS
    axis.set_major_locator(FixedLocator(range(topics)) if few else MaxNLocator(8, integer=True))
    axis.set_label_text(axis.get_label_text() or "topic")


PICTURES = (
    Picture("alpha", "Alpha", _draw_alpha),
    Picture("sizes", "Sizes", _draw_sizes),
    Picture("beta", "Beta", _draw_beta),
    Picture("similarity", "Similarity", _draw_similarity),
)
