"""``python -m benchmarks``: one line, in less than 50 s: Keras's time for a training step divided by tinycnn's."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence

from benchmarks import _common, training_step
from benchmarks._models import NOTEBOOK


def quick_line(ratio: Mapping[str, Sequence[float]]) -> str:
    """The medians over the rounds, model by model."""
    parts = (f"{model} {_common.summary(values)['median']:.2f}" for model, values in ratio.items())
    return f"Keras's time / tinycnn's, training step: {', '.join(parts)}"


def main(argv: Sequence[str] | None = None, rounds: int = 5, steps: int = 40) -> int:
    argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__).parse_args(argv)
    result = training_step.measure(rounds, steps, NOTEBOOK, deadline=time.monotonic() + 30)
    print(quick_line(result["ratio"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
