"""The worker that measures NumPy's float32 matrix product of 2048x2048 matrices, and says how BLAS computes it."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks._worker import Stopwatch, serve

SIZE = 2048
rng = np.random.default_rng(1)
a, b = (rng.random((SIZE, SIZE), dtype="float32") for _ in range(2))
stopwatch = Stopwatch()


def blas() -> dict[str, Any]:
    """How many threads it has, and for which processor its kernel was written."""
    (library, *_) = [pool for pool in threadpool_info() if pool["user_api"] == "blas"] or [{}]
    return {name: library.get(key) for name, key in (("threads", "num_threads"), ("kernel", "architecture"))}


def gflops(repeats: int) -> dict[str, float]:
    """The median rate of some products, in 10⁹ operations a second."""
    out = np.empty((SIZE, SIZE), "float32")
    timings = [stopwatch.time(lambda: np.matmul(a, b, out=out)) for _ in range(repeats)]
    total = {name: sum(timing[name] for timing in timings) for name in timings[0]}
    median = statistics.median(timing["seconds"] for timing in timings)
    return {**total, "gflops": 2 * SIZE**3 / median / 1e9}


if __name__ == "__main__":
    serve({"gflops": gflops, "blas": blas})
