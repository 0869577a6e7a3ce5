"""Floating-point operations of a convolution's products: those of the definition, and those that are done.

Winograd's way does fewer. Its transforms, a few additions for each number, are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._common import Json
from benchmarks._models import FORWARD_MACS

GRADIENTS, TRAINING, INFERENCE = 4, 2, 5  # outputs a side of Winograd's tiles (engine/winograd.py)


def direct(n: int, out: int, kernel: int, channels: int, filters: int) -> int:
    """A multiplication and an addition for each pixel of the window, channel and filter."""
    return 2 * n * out * out * kernel * kernel * channels * filters


def winograd(n: int, out: int, channels: int, filters: int, tile: int) -> int:
    """Kernels 3x3: (tile + 2)² in place of 9·tile² for a tile; the last tiles may reach beyond the outputs."""
    tiles = (-(-out // tile)) ** 2
    return 2 * n * tiles * (tile + 2) ** 2 * channels * filters


def done_in_training(batch: int, model: str) -> int:
    """In a training step of one of the notebook's models, counted as `training_flops`, by the fused steps' ways.

    Of the second convolution's 11x11 outputs pooling reads 10x10, and all count with batch normalization; the first
    one, which has one channel, is computed directly and has no input gradient.
    """
    out = 11 if model == "batch_normalization" else 10
    second = winograd(batch, out, 32, 64, TRAINING) + 2 * winograd(batch, out, 32, 64, GRADIENTS)
    dense = 3 * (FORWARD_MACS["dense1"] + FORWARD_MACS["dense2"])
    return second + 2 * batch * (2 * FORWARD_MACS["conv1"] + dense)


def done_in_inference(n: int) -> int:
    """The products of n images in the notebook's models; pooling's fused steps compute what it reads."""
    second = winograd(n, 10, 32, 64, INFERENCE)
    return second + 2 * n * (FORWARD_MACS["conv1"] + FORWARD_MACS["dense1"] + FORWARD_MACS["dense2"])


def check_below_roof(rates: Mapping[str, float], roof: float) -> None:
    """Raises ValueError where a program does more operations a second than the processor can: one of both is wrong."""
    for name, rate in rates.items():
        if not rate <= roof:
            raise ValueError(
                f"{name}: expected at most the roof, {roof:.0f} GFLOP/s, received {rate:.0f}. Nothing is written: "
                "repeat on an idle machine; if it happens again, the roof or the count of operations is wrong."
            )


def roofs(rounds: list[Json]) -> Json:
    """Of each round; the limit is the highest."""
    return {name: [timing[name] for timing in rounds] for name in ("one_thread", "all_threads")}
