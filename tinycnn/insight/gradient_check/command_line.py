"""``python -m tinycnn.gradient_check``: all layers, losses and the notebook's models."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence

import numpy as np

from tinycnn import kernels, models
from tinycnn.insight.gradient_check.judge import check_model
from tinycnn.utils import clear_session, set_random_seed

Array = np.ndarray

# The command line


def main(argv: Sequence[str] | None = None) -> int:
    """Check the notebook's models on random images; returns the exit code, 0 if all gradients are right, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tinycnn.gradient_check",
        description="Check the gradients of the notebook's models by finite differences, in float64. "
        "Exits with 0 if they are right, with 1 if not.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--plain", action="store_true", help="only the plain model")
    which.add_argument("--dropout", action="store_true", help="only the model with dropout")
    which.add_argument("--bn", action="store_true", help="only the model with batch normalization (default: all three)")
    parser.add_argument("--kernels", choices=sorted(kernels.SETS), help="only this set of kernels (default: both)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, images, labels and directions (default: 0)")
    options = parser.parse_args(argv)

    makers = {"plain": models.plain, "dropout": models.dropout, "bn": models.batch_normalization}
    chosen = [name for name in makers if getattr(options, name)] or list(makers)
    passed = True
    for name, kernel_set in itertools.product(chosen, [options.kernels] if options.kernels else ["fast", "reference"]):
        set_random_seed(options.seed)
        clear_session()
        rng = np.random.default_rng(options.seed)
        x, y = rng.random((3, 28, 28, 1)), rng.integers(0, 10, 3)
        model = makers[name]()
        model.name = name
        model.compile(loss="sparse_categorical_crossentropy", kernels=kernel_set)
        result = check_model(model, x, y, seed=options.seed)
        print(result, flush=True)
        passed = passed and result.passed
    return 0 if passed else 1
