"""Draw the overview of a corpus."""

from pathlib import Path

import numpy as np

from data_prep.files import replacing
from data_prep.inspection import CorpusOverview

_BINS = 60
_DOTS_PER_INCH = 120


def plot(overview: CorpusOverview, path: Path) -> None:
    """Write a picture: documents x words, lengths of documents, frequencies of words.

    Args:
        overview: The overview to draw.
        path: The file; its ending gives the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: the import takes a second
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5), layout="constrained", dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    heat_map, histogram, curve = figure.subplots(1, 3)

    image = heat_map.imshow(
        np.log10(1 + overview.cells),
        aspect="auto",
        interpolation="nearest",
        cmap="viridis",
        extent=(0, len(overview.words), overview.documents, 0),
    )
    figure.colorbar(image, ax=heat_map, label="words in the cell, log10(1 + count)")
    heat_map.set(title="Documents x words", xlabel="word id", ylabel="document")

    histogram.hist(
        list(overview.lengths), weights=list(overview.lengths.values()), bins=_BINS, color="C0"
    )
    histogram.set(title="Lengths of documents", xlabel="words", ylabel="documents")

    frequencies = -np.sort(-overview.word_counts[overview.word_counts > 0])
    curve.loglog(np.arange(1, frequencies.size + 1), frequencies)
    curve.set(title="Frequencies of words", xlabel="rank", ylabel="occurrences")
    with replacing(path) as stream:
        figure.savefig(stream, format=path.suffix.removeprefix("."))
