"""A small corpus, prepared as a user prepares one."""

from pathlib import Path

import numpy as np

from data_prep.convert import convert


def write_corpus(
    folder: Path,
    words: list[str],
    *,
    documents: int = 60,
    test_fraction: float = 0.25,
    seed: int = 0,
) -> None:
    """Prepare documents about either the first or the last half of the words, mostly."""
    rng = np.random.default_rng(0)
    half = len(words) // 2
    likely = np.repeat([[0.9, 0.1], [0.1, 0.9]], [half, len(words) - half], axis=0)
    topics = (likely / likely.sum(axis=0)).T
    source = folder.with_name("source")
    source.mkdir(parents=True, exist_ok=True)
    (source / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    lines = []
    for topic in rng.integers(2, size=documents):
        counts = rng.multinomial(60, topics[topic])
        lines.append(",".join(f"{id_ + 1}:{count}" for id_, count in enumerate(counts) if count))
    (source / "corpus.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = source / "corpus.txt", source / "vocab.txt"
    convert(*files, folder, test_fraction=test_fraction)
