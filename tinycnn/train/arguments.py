"""The arguments of the training command."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import tinycnn
from tinycnn.train.common import EPOCHS, PROG, SETTINGS


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Train one of the notebook's three models on handwritten digits, test it, and write curves, "
        "history, pictures and weights to a folder.",
        epilog="Training goes on where nobody reads its output any more, as behind '| head'; the end of the terminal "
        "is like Ctrl-C, except under nohup. Exit codes: 0; 1 with one line on what failed; 2 for arguments that make "
        "no sense; 130 after Ctrl-C, SIGTERM or SIGHUP, when history and weights so far have been written.",
    )
    parser.add_argument("--version", action="version", version=f"tinycnn {tinycnn.__version__}")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--bn",
        dest="model",
        action="store_const",
        const="batch_normalization",
        default="plain",
        help="the model with batch normalization (default: the plain model)",
    )
    which.add_argument("--dropout", dest="model", action="store_const", const="dropout", help="the model with dropout")
    parser.add_argument(
        "--data",
        choices=("auto", "mnist", "digits"),
        default="auto",
        help="mnist: 60,000 training images, found on this machine or downloaded; digits: 1,442 training images that "
        "come with tinycnn; auto (default): mnist where it can be had, else digits",
    )
    parser.add_argument(
        "--epochs",
        type=_positive,
        metavar="N",
        help=f"passes over the training images (default: {EPOCHS['mnist']} for mnist, {EPOCHS['digits']} for digits: "
        "the small set needs more of its short epochs); with --resume the total, with those that are done",
    )
    parser.add_argument(
        "--batch-size", type=_positive, default=32, metavar="N", help="images a step (default: %(default)s)"
    )
    parser.add_argument(
        "--learning-rate", type=_rate, default=0.001, metavar="RATE", help="Adam's step size (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=42,
        metavar="N",
        help="the same seed and arguments give the same numbers on the same machine (default: %(default)s)",
    )
    parser.add_argument(
        "--subset",
        type=_at_least_six,
        metavar="N",
        help="use only the first N training images, one sixth of them for validation; the test set stays whole",
    )
    parser.add_argument(
        "--kernels",
        choices=("fast", "reference"),
        default="fast",
        help="fast: compiled by Numba (default); reference: NumPy, to be read",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--out",
        metavar="DIR",
        help="folder for the results, made if need be; one that holds an earlier run is refused "
        "(default: runs/MODEL-DATE-TIME)",
    )
    where.add_argument(
        "--resume",
        metavar="DIR",
        help="go on with the run in this folder after an interruption of any kind, or, with a larger --epochs, when it "
        "is complete; all other settings are taken from there, and the result is the same to the bit",
    )
    parser.add_argument(
        "--lab",
        action="store_const",
        const=True,
        help="open the lab in a browser, to look inside the model while it trains; the result is the same to the bit",
    )
    parser.add_argument(
        "--verbose",
        type=int,
        choices=(0, 1, 2),
        default=1,
        help="progress: 0 none, 1 a bar in a terminal (default), 2 the figures of each epoch",
    )
    return parser


def given_settings(parser: argparse.ArgumentParser, argv: Sequence[str]) -> dict[str, Any]:
    """The settings of a run that stand on the command line, without those that are left to their defaults."""
    unset = argparse.Namespace(**dict.fromkeys(SETTINGS))
    given = vars(parser.parse_args(argv, unset))
    return {name: given[name] for name in SETTINGS if given[name] is not None}


def _positive(text: str) -> int:
    return _whole_number(text, 1, None)


def _at_least_six(text: str) -> int:
    return _whole_number(text, 6, None)


def _seed(text: str) -> int:
    return _whole_number(text, 0, 2**32 - 1)


def _whole_number(text: str, low: int, high: int | None) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if value < low or (high is not None and value > high):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise argparse.ArgumentTypeError(f"expected a whole number {limits}, received {text!r}")
    return value


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"expected a positive number such as 0.001, received {text!r}")
    return value
