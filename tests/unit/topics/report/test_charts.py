"""The charts of a page: what is drawn where."""

import base64
import struct
import zlib

import numpy as np
import pytest
from scipy import sparse

from data_prep.documents import TrainTest
from topics.model.archive import Model
from topics.report.charts import (
    BOTTOM,
    LEFT,
    TOP,
    Chart,
    draw_alpha,
    draw_beta,
    draw_similarity,
    draw_sizes,
    stair,
)
from topics.report.overview import Overview, summarize


def overview(topics: int, words: int = 40) -> Overview:
    rng = np.random.default_rng(topics)
    beta = rng.dirichlet(np.full(words, 0.2), topics)
    counts = sparse.csr_array(rng.integers(0, 5, (30, words)).astype(np.float32))
    names = [f"word{number}" for number in range(words)]
    alpha = np.linspace(0.5, 0.1, topics)
    corpus = TrainTest(names, counts, None, np.arange(1, 31))
    return summarize(Model(alpha, beta), "", corpus)


def pixels(chart: Chart) -> np.ndarray:
    """The shades of an image, read as the specification has them."""
    content = base64.b64decode(chart.shades.removeprefix("data:image/png;base64,"))
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, {}
    while at < len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        found[name] = content[at + 8 : at + 8 + size]
        (checksum,) = struct.unpack(">I", content[at + 8 + size : at + 12 + size])
        assert checksum == zlib.crc32(name + found[name])
        at += 12 + size
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack(">II", found[b"IHDR"][:8])
    assert found[b"IHDR"][8:] == bytes([8, 0, 0, 0, 0])
    rows = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def test_the_line_of_alpha_is_as_high_as_the_ticks_say() -> None:
    found = draw_alpha(overview(5))
    heights = {float(tick.label): tick.at for tick in found.y_ticks}
    assert list(heights) == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert heights[0] == BOTTOM
    by_ticks = np.interp([0.5, 0.4, 0.3, 0.2, 0.1], list(heights), list(heights.values()))
    assert [y for _, y in found.points] == pytest.approx(by_ticks.tolist())
    assert min(heights.values()) > TOP
    assert [tick.label for tick in found.x_ticks] == ["0", "1", "2", "3", "4"]
    assert [tick.at for tick in found.x_ticks] == [x for x, _ in found.points]


def test_bars_are_as_high_as_the_sizes_and_in_their_order() -> None:
    seen = overview(4)
    found = draw_sizes(seen)
    heights = {float(tick.label): BOTTOM - tick.at for tick in found.y_ticks}
    unit = heights[10] / 10
    assert [bar.height for bar in found.bars] == pytest.approx(
        [100 * topic.size * unit for topic in seen.topics]
    )
    assert all(bar.y + bar.height == pytest.approx(BOTTOM) for bar in found.bars)
    assert [tick.label for tick in found.x_ticks] == [str(topic.number) for topic in seen.topics]


def test_the_shades_of_similarity_are_the_cosines() -> None:
    seen = overview(6)
    found = draw_similarity(seen)
    assert np.abs(pixels(found) / 255 - seen.similarity).max() <= 0.5 / 255
    assert [tick.label for tick in found.scale_ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert (found.scale_ticks[0].at, found.scale_ticks[-1].at) == (BOTTOM, TOP)


@pytest.mark.parametrize("words", [3, 40, 1000])
def test_the_shades_of_beta_are_the_roots_of_the_probabilities(words: int) -> None:
    seen = overview(6, words)
    cells = stair(seen)
    assert cells.shape == (6, min(words, 240))
    assert cells.max() == seen.model.beta.max()
    found = draw_beta(seen)
    assert np.abs(pixels(found) / 255 - np.sqrt(cells / cells.max())).max() <= 0.5 / 255
    for tick in found.scale_ticks:
        share = (BOTTOM - tick.at) / (BOTTOM - TOP)
        assert share**2 * cells.max() == pytest.approx(float(tick.label), abs=1e-9)


def test_words_stand_with_the_topic_that_has_most_of_them() -> None:
    beta = np.array([[0.1, 0.6, 0, 0.3], [0.5, 0.1, 0.4, 0]])
    counts = sparse.csr_array(np.full((4, 4), 5, np.float32))
    seen = summarize(
        Model(np.ones(2), beta), "", TrainTest(list("abcd"), counts, None, np.arange(1, 5))
    )
    assert stair(seen).tolist() == beta[:, [1, 3, 0, 2]].tolist()


@pytest.mark.parametrize("topics", [1, 12, 13, 150])
def test_charts_of_many_topics_have_a_few_ticks(topics: int) -> None:
    seen = overview(topics)
    for draw in (draw_alpha, draw_sizes, draw_beta, draw_similarity):
        chart = draw(seen)
        for ticks in (chart.x_ticks, chart.y_ticks):
            assert len(ticks) <= 12
        for tick in chart.x_ticks:
            assert LEFT <= tick.at <= chart.right
        for tick in chart.y_ticks:
            assert TOP <= tick.at <= BOTTOM
    labels = [tick.label for tick in draw_alpha(seen).x_ticks]
    assert labels[0] == "0"
    assert all(0 <= int(label) < topics for label in labels)
