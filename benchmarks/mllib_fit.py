"""Fit a topic model by Spark's MLlib: a program for spark-submit.

mllib_fit.py COUNTS.npz OPTIMIZER ITERATIONS OUT.npz

Writes alpha (K,) and beta (K, V).
"""

import sys

import numpy as np
from pyspark.ml.clustering import LDA
from pyspark.ml.linalg import SparseVector
from pyspark.sql import SparkSession
from scipy import sparse

TOPICS, SEED = 10, 0

file, optimizer, iterations, out = sys.argv[1:]
counts = sparse.csr_matrix(sparse.load_npz(file))
session = SparkSession.builder.getOrCreate()
session.sparkContext.setLogLevel("ERROR")
rows = [
    (SparseVector(counts.shape[1], row.indices.tolist(), row.data.astype(float).tolist()),)
    for row in counts
]
data = session.createDataFrame(session.sparkContext.parallelize(rows, 2), ["features"]).cache()
lda = LDA(k=TOPICS, maxIter=int(iterations), seed=SEED, optimizer=optimizer)
model = lda.fit(data)
beta = model.topicsMatrix().toArray().T
np.savez(
    out,
    alpha=np.array(model.estimatedDocConcentration().toArray()),
    beta=beta / beta.sum(axis=1, keepdims=True),
)
session.stop()
