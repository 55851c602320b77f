"""Fit a topic model with a peer, in the peers' venv.

lda_peers.py ENGINE COUNTS.npz TOPICS SEED OUT.npz

Writes alpha (K,) and beta (K, V) and prints the seconds that the fit took: data is converted to the
engine's own form before the clock starts.
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy import sparse

Fitted = tuple[float, np.ndarray, np.ndarray]  # seconds, alpha, beta


def fit_sklearn(counts: sparse.csr_array, topics: int, seed: int) -> Fitted:
    """Batch variational inference, 10 iterations: the defaults but for the seed."""
    from sklearn.decomposition import (  # type: ignore[import-untyped, unused-ignore]
        LatentDirichletAllocation,
    )

    model = LatentDirichletAllocation(topics, learning_method="batch", random_state=seed)
    matrix = sparse.csr_matrix(counts)
    start = time.perf_counter()
    model.fit(matrix)
    return time.perf_counter() - start, np.full(topics, 1 / topics), model.components_


def fit_gensim(counts: sparse.csr_array, topics: int, seed: int) -> Fitted:
    """Online variational inference, 10 passes."""
    from gensim.models import LdaModel  # type: ignore[import-not-found, unused-ignore]

    corpus = [
        list(zip(counts.indices[a:b].tolist(), counts.data[a:b].tolist(), strict=True))
        for a, b in pairwise(counts.indptr)
    ]
    words = {word: str(word) for word in range(counts.shape[1])}
    start = time.perf_counter()
    model = LdaModel(corpus, num_topics=topics, id2word=words, passes=10, random_state=seed)
    return time.perf_counter() - start, model.alpha, model.get_topics()


def fit_tomotopy(counts: sparse.csr_array, topics: int, seed: int) -> Fitted:
    """Collapsed Gibbs sampling, 200 iterations, 2 workers."""
    import tomotopy  # type: ignore[import-not-found, unused-ignore]

    model = tomotopy.LDAModel(k=topics, seed=seed)
    for start, stop in pairwise(counts.indptr):
        repeats = counts.data[start:stop].astype(int)
        model.add_doc(np.repeat(counts.indices[start:stop], repeats).astype(str).tolist())
    clock = time.perf_counter()
    model.train(200, workers=2)
    seconds = time.perf_counter() - clock
    beta = np.full((topics, counts.shape[1]), 1e-12)
    used = [int(word) for word in model.used_vocabs]
    for topic in range(topics):
        beta[topic, used] = model.get_topic_word_dist(topic)
    return seconds, np.asarray(model.alpha), beta


def fit_lda(counts: sparse.csr_array, topics: int, seed: int) -> Fitted:
    """Collapsed Gibbs sampling, 200 iterations."""
    import lda  # type: ignore[import-not-found, unused-ignore]

    logging.getLogger("lda").setLevel(logging.ERROR)
    model = lda.LDA(n_topics=topics, n_iter=200, random_state=seed)
    matrix = counts.toarray().astype(np.int64)
    start = time.perf_counter()
    model.fit(matrix)
    return time.perf_counter() - start, np.full(topics, 0.1), model.topic_word_


ENGINES: dict[str, Callable[[sparse.csr_array, int, int], Fitted]] = {
    "scikit-learn batch, 10 iterations": fit_sklearn,
    "gensim, 10 passes": fit_gensim,
    "tomotopy, 200 iterations, 2 workers": fit_tomotopy,
    "lda, 200 iterations": fit_lda,
}


def main() -> None:
    """Fit, write, and print the seconds."""
    engine, source, topics, seed, target = sys.argv[1:]
    counts = sparse.csr_array(sparse.load_npz(source))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tomotopy's: several workers do not repeat themselves
        seconds, alpha, beta = ENGINES[engine](counts, int(topics), int(seed))
    np.savez(target, alpha=alpha, beta=beta / beta.sum(axis=1, keepdims=True))
    sys.stdout.write(f"{seconds}\n")


if __name__ == "__main__":
    main()
