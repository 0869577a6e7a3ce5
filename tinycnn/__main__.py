"""``python -m tinycnn``, or ``tinycnn``: says what there is to run, and runs it."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence

import tinycnn

PROGRAMS = {
    "train": "train one of three small models on digits; the results go to a folder",
    "lab": "draw a digit and look inside your own network, in a browser",
    "gradient_check": "hold the models' gradients against finite differences",
    "learn": "a course in which you write the network, checked step by step",
    "parity": "hold a training step of the models against Keras's (needs TensorFlow)",
}


def main(argv: Sequence[str] | None = None) -> int:
    """``tinycnn train --bn`` is ``python -m tinycnn.train --bn``; returns the exit code, 2 for an unknown program.

    Raises:
        SystemExit: that of the program.
    """
    program, *arguments = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if program in PROGRAMS:
        sys.argv[1:] = arguments
        runpy.run_module(f"tinycnn.{program}", run_name="__main__", alter_sys=True)
    elif program == "--version":
        print(f"tinycnn {tinycnn.__version__}")
    elif program in ("--help", "-h"):
        print(f"tinycnn {tinycnn.__version__}, a convolutional network framework to read. Its programs:\n")
        for name, line in PROGRAMS.items():
            print(f"  tinycnn {name:14}  {line}")
        print("\nEach has --help. Training in a program of your own: from tinycnn.keras import Sequential, layers")
    else:
        names = ", ".join(PROGRAMS)
        print(
            f"tinycnn: error: expected one of {names}, --help and --version, received {program!r}. See tinycnn --help.",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
