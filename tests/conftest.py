"""What all tests share: settings, a random stream, and Keras where it is installed."""

from __future__ import annotations

import os

import hypothesis
import matplotlib
import numpy as np
import pytest
import threadpoolctl

matplotlib.use("Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow's threads run in this process too; Numba's must not hold the cores while they wait for work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# NumPy's threads spin while they wait: beside another process a step of the reference kernels takes ten times as long.
threadpoolctl.threadpool_limits(1, user_api="blas")

# Derandomized: a run that failed must fail again. No deadline: the first call of a compiled kernel is slow.
hypothesis.settings.register_profile(
    "tinycnn", deadline=None, derandomize=True, database=None, max_examples=25, print_blob=True
)
hypothesis.settings.load_profile("tinycnn")


@pytest.fixture(scope="session", autouse=True)
def _announced():
    """Where NUMBA_DISABLE_JIT is set, the line that says so comes before the first test, which may look at stderr."""
    try:
        from tinycnn.kernels.engine import threads
    except ModuleNotFoundError:  # without Numba nothing is to be announced
        return
    if threads.JIT_IS_OFF:
        threads._start_threads()


@pytest.fixture(autouse=True)
def _fresh_package_state():
    """Seed and numbering of names as in a new process, whatever other tests did before."""
    from tinycnn import utils

    utils.set_random_seed(20240901)
    utils.clear_session()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12345)


@pytest.fixture(scope="session")
def keras():
    """The live Keras; tests that ask for it carry the marker ``keras``."""
    pytest.importorskip("tensorflow")
    import keras

    return keras


@pytest.fixture
def few_digits(monkeypatch):
    """The first 64 training and 32 test images, which the tutorials' runs then take for all."""
    from tutorials import normalization, why

    training, test = normalization.load_digits()
    few = (tuple(part[:64] for part in training), tuple(part[:32] for part in test))
    for runs in (normalization, why):
        monkeypatch.setattr(runs, "load_digits", lambda: few)
    return few
