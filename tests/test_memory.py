"""A training step takes its memory from what the last one freed: see tinycnn/kernels/engine/memory.py."""

from __future__ import annotations

import platform

import pytest
from test_threads import run

pytest.importorskip("numba", reason="only the fast kernels keep what they free")

# Other C libraries have no such threshold, and manage freed memory in their own ways.
of_gnu = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the threshold is GNU's")

PAGE_FAULTS = """
import resource, numpy as np
from tinycnn import models
rng = np.random.default_rng(0)
x, y = rng.random((640, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, 640)
for make in (models.plain, models.dropout, models.batch_normalization):
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    model.fit(x, y, verbose=0)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


@pytest.mark.jit
@of_gnu
def test_a_training_step_fetches_no_pages():
    done = run(PAGE_FAULTS)
    assert done.returncode == 0, done.stderr
    faults = [float(line) for line in done.stdout.split()]
    assert len(faults) == 3
    assert max(faults) < 25, f"page faults in a training step of the three models: {faults}"


@pytest.mark.jit
@of_gnu
def test_the_users_own_threshold_stays():
    done = run(PAGE_FAULTS, MALLOC_MMAP_THRESHOLD_="131072", MALLOC_TRIM_THRESHOLD_="131072")
    assert done.returncode == 0, done.stderr
    assert max(map(float, done.stdout.split())) > 100
