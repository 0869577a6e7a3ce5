"""The worker for the reference kernels, with so many threads for NumPy's products, or as many as BLAS chooses (0).

``python -m benchmarks._reference_worker 1``; see _worker.py for the protocol.
"""

from __future__ import annotations

import sys

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks._sgemm_worker import blas
from benchmarks._worker import Stopwatch, serve
from tinycnn import models

BATCH = 32
THREADS = int(sys.argv[1])
if THREADS:
    threadpool_limits(THREADS)  # to the end of the process

rng, stopwatch = np.random.default_rng(1), Stopwatch()
x, y = rng.random((BATCH, 28, 28, 1), dtype="float32"), rng.integers(0, 10, BATCH)
model = models.plain()
model.compile("adam", "sparse_categorical_crossentropy", kernels="reference")


def train(steps: int) -> dict[str, float]:
    def work() -> None:
        for _ in range(steps):
            model.train_on_batch(x, y)

    return stopwatch.time(work)


serve({"train": train, "blas": blas})
