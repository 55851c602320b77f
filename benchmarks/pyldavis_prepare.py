"""Runs in the venv of pyLDAvis: `MODEL.npz PROCESSES`; prints the seconds that `prepare` takes.

The model has `beta` (K, V), `mixtures` (D, K) and `lengths` (D,). A number of processes of -1 is
the default of `prepare`: one for each core.
"""

import sys
import time
import warnings

import numpy as np
import pyLDAvis  # type: ignore[import-not-found]

# Its other processes import this file too.
if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of logarithms of 0
    with np.load(sys.argv[1]) as arrays:
        beta, mixtures, lengths = (arrays[name] for name in ("beta", "mixtures", "lengths"))
    words = [f"word{number}" for number in range(beta.shape[1])]
    frequencies = (lengths @ mixtures) @ beta
    start = time.perf_counter()
    pyLDAvis.prepare(beta, mixtures, lengths, words, frequencies, n_jobs=int(sys.argv[2]))
    sys.stdout.write(f"{time.perf_counter() - start}\n")
