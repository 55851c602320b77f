"""Fit a topic model with `topics`: as lda_peers.py, in a process of its own.

python -m benchmarks.lda_ours fit|refine COUNTS.npz TOPICS SEED OUT.npz

Prints the seconds that the fit took and the peak MB.
"""

import re
import sys
import time
from pathlib import Path

import numpy as np
from scipy import sparse

from topics.lda.blocks import in_memory
from topics.lda.refine import refine
from topics.lda.spectral import fit


def main() -> None:
    """Fit, write, and print seconds and MB."""
    way, source, topics, seed, target = sys.argv[1:]
    counts = sparse.csr_array(sparse.load_npz(source))
    start = time.perf_counter()
    corpus = in_memory(counts)
    model = fit(corpus, int(topics), seed=int(seed))
    if way == "refine":
        model = refine(corpus, model)
    seconds = time.perf_counter() - start
    np.savez(target, alpha=model.alpha, beta=model.beta)
    peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    sys.stdout.write(f"{seconds} {int(peak[1]) / 1024 if peak else 0}\n")


if __name__ == "__main__":
    main()
