"""From scalar loops to the fast kernel: the notebook's second convolution, one idea at a time, and the roofline.

README.md explains the steps; each gives the same numbers as the reference kernel before it is timed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks import _common, _operations
from benchmarks._common import Json, say
from benchmarks._operations import GRADIENTS, INFERENCE, TRAINING, check_below_roof
from benchmarks._worker import Worker

BATCH, SIZE, CHANNELS, FILTERS = 32, 13, 32, 64
OUT, ONE, TWO = SIZE - 2, (1, 1), (2, 2)
ALL = 0  # threads
FLOPS = _operations.direct(BATCH, OUT, 3, CHANNELS, FILTERS)  # of one pass
READ = OUT - 1  # outputs a side that pooling reads
SAME_RESULT = 2e-5  # of the largest number


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--rounds", type=_common.above_zero(int))
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    result = _common.header("walk", sys.argv[1:] if argv is None else argv)
    result |= measure(arguments.rounds or (2 if arguments.quick else 15))
    check(result)
    _common.write_json(target / "walk.json", result)
    plot(result, target / "walk.png")
    print(f"{'':62} {'ms':>9} {'GFLOP/s: done':>14} {'counted direct':>15}")
    for step in result["steps"]:
        ms = 1e3 * _common.summary(step["seconds"])["median"]
        print(f"{step['name']:62} {ms:9.3f} {rate(step, 'done'):14.0f} {rate(step, 'flops'):15.0f}")
    print(f"{'the roof, one thread / all threads':72} {roof(result, 1):14.0f} / {roof(result, ALL):.0f}")
    return 0


def rate(step: Json, operations: str) -> float:
    """Median, in GFLOP/s; ``operations`` are "done", or "flops" of a direct computation."""
    return float(step[operations] / _common.summary(step["seconds"])["median"] / 1e9)


def roof(result: Json, threads: int) -> float:
    """The highest rate that was reached in registers, in GFLOP/s."""
    return float(max(result["roof_gflops"]["one_thread" if threads == 1 else "all_threads"]))


def check(result: Json) -> None:
    for step in result["steps"]:
        check_below_roof({step["name"]: rate(step, "done")}, roof(result, step["threads"]))


def measure(rounds: int) -> Json:
    steps, bandwidth = make_steps()
    seconds: dict[str, list[float]] = {name: [] for name, *_ in steps}
    roofs, rates, widths = [], [], []
    with Worker("benchmarks._roof_worker") as registers, Worker("benchmarks._sgemm_worker") as sgemm:
        for number in range(rounds):
            time.sleep(_common.PAUSE)
            roofs.append(registers.ask("gflops", repeats=25))
            time.sleep(_common.PAUSE)
            rates.append(sgemm.ask("gflops", repeats=5)["gflops"])
            time.sleep(_common.PAUSE)
            widths.append(bandwidth())
            for name, *_, run in steps:
                run()
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
            say(f"round {number + 1} of {rounds}")
        blas = sgemm.ask("blas")
    return {
        "settings": {"rounds": rounds, "batch": BATCH, "dtype": "float32"},
        "roof_gflops": _operations.roofs(roofs),
        "threads": roofs[0]["threads"],
        "sgemm_gflops": rates,
        "sgemm": blas,
        "bandwidth_gb_s": widths,
        "steps": [
            {"name": name, "flops": flops, "done": done, "bytes": size, "threads": threads, "seconds": seconds[name]}
            for name, flops, done, size, threads, _ in steps
        ],
    }


def make_steps() -> tuple[list[tuple[str, int, int, int, int, Callable[[], Any]]], Callable[[], float]]:
    """The steps, and a copy's speed.

    A step: name, operations of a direct computation, those that are done, bytes that must at least be moved, threads
    (1 or 0, all), and the call.
    """
    import numba
    import numpy as np
    from numba import njit

    from tinycnn.kernels import REFERENCE, fast
    from tinycnn.kernels.fast import conv2d_relu_max_pooling2d as fused
    from tinycnn.kernels.fast.activations import RELU

    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(BATCH, SIZE, SIZE, CHANNELS)), 0).astype(np.float32)
    kernel = (rng.normal(size=(3, 3, CHANNELS, FILTERS)) / 17).astype(np.float32)
    bias = rng.normal(size=FILTERS).astype(np.float32)
    dz = rng.normal(size=(BATCH, OUT, OUT, FILTERS)).astype(np.float32)
    z = np.empty_like(dz)
    winograd = fast.conv2d.winograd
    weights = winograd.transformed_kernel(kernel, winograd.OUT)
    small_weights = winograd.transformed_kernel(kernel, winograd.SMALL_OUT)
    taps = fast.conv2d.transposed_taps(kernel)
    transformed_taps = winograd.transformed_kernel(taps, winograd.OUT)
    windows, terms = fast.conv2d.window_tables(SIZE, CHANNELS, (3, 3), (OUT, OUT), ONE, ONE)
    dkernel, dx = np.zeros_like(kernel), np.empty_like(x)

    @njit
    def scalar_loops() -> Any:
        out = np.empty((BATCH, OUT, OUT, FILTERS), np.float32)
        for n in range(BATCH):
            for i in range(OUT):
                for j in range(OUT):
                    for f in range(FILTERS):
                        total = bias[f]
                        for a in range(3):
                            for b in range(3):
                                for c in range(CHANNELS):
                                    total += x[n, i + a, j + b, c] * kernel[a, b, c, f]
                        out[n, i, j, f] = total
        return out

    def blocks_on_all_threads() -> Any:
        fast.conv2d.convolve_windows(BATCH, x, kernel, bias, windows, terms, 1, z)
        return z

    # What only compiled code calls, as one thread does it in a fused step

    @njit
    def convolve_images(x: Any, weights: Any, bias: Any, windows: Any, terms: Any, by_winograd: bool, z: Any) -> None:
        fast.conv2d.convolve_images(x, weights, bias, windows, terms, by_winograd, z)

    @njit
    def add_gradients(
        x: Any, dz: Any, taps: Any, windows: Any, terms: Any, by_winograd: bool, dkernel: Any, dx: Any
    ) -> None:
        dweights = np.empty(winograd.sums_at_points(dkernel.shape, by_winograd), np.float32)
        fast.conv2d.add_gradients(x, dz, taps, windows, terms, ONE, by_winograd, True, dweights, dkernel, dx)
        if by_winograd:
            winograd.add_transformed_back(dweights, dkernel)

    def forward(weights: Any, by_winograd: bool) -> Callable[[], Any]:
        def run() -> Any:
            convolve_images(x, weights, bias, windows, terms, by_winograd, z)
            return z

        return run

    def gradients(by_winograd: bool) -> Callable[[], Any]:
        def run() -> Any:
            dkernel[:] = 0
            these_taps = transformed_taps if by_winograd else taps
            add_gradients(x, dz, these_taps, windows, terms, by_winograd, dkernel, dx)
            return dkernel

        return run

    def one_by_one() -> Any:
        y, _ = fast.max_pooling2d.max_pooling2d_forward(
            RELU.forward(fast.conv2d.conv2d_forward(x, kernel, bias, ONE, ONE)), TWO, TWO
        )
        return y

    rows, matrix = rng.normal(size=(BATCH, 1600)).astype(np.float32), rng.normal(size=(1600, 64)).astype(np.float32)
    drows, dense_bias = rng.normal(size=(BATCH, 64)).astype(np.float32), np.zeros(64, np.float32)
    dense_flops, dense_bytes = 3 * 2 * BATCH * matrix.size, 2 * matrix.nbytes + 3 * rows.nbytes
    product, every = rows @ matrix, numba.get_num_threads()

    def dense(threads: int) -> Callable[[], Any]:
        def run() -> Any:
            numba.set_num_threads(threads)
            try:
                fast.dense.dense_backward_parameters(rows, drows)
                fast.dense.dense_backward_input(drows, matrix)
                return fast.dense.dense_forward(rows, matrix, dense_bias)
            finally:
                numba.set_num_threads(every)

        return run

    arguments = (x, kernel, bias, ONE, ONE)
    passed = x.nbytes + kernel.nbytes + z.nbytes
    expected = REFERENCE.conv2d_forward(*arguments)
    dkernel_expected, _ = REFERENCE.conv2d_backward_parameters(x, dz, (3, 3), ONE, ONE)
    pooled, _ = REFERENCE.max_pooling2d_forward(np.maximum(expected, 0), TWO, TWO)
    few = x.nbytes + kernel.nbytes + pooled.nbytes
    ways = {out: partial(_operations.winograd, BATCH, out, CHANNELS, FILTERS) for out in (OUT, READ)}
    cases: list[tuple[str, int, int, int, int, Callable[[], Any], Any]] = [
        ("forward: scalar loops, compiled", FLOPS, FLOPS, passed, 1, scalar_loops, expected),
        ("forward: NumPy, a matrix product per tap", FLOPS, FLOPS, passed, ALL,
         lambda: REFERENCE.conv2d_forward(*arguments), expected),
        ("forward: blocks in registers, one thread", FLOPS, FLOPS, passed, 1,
         forward(kernel, by_winograd=False), expected),
        ("forward: blocks in registers, all threads", FLOPS, FLOPS, passed, ALL,
         blocks_on_all_threads, expected),
        ("forward: Winograd, one thread", FLOPS, ways[OUT](GRADIENTS), passed, 1,
         forward(weights, by_winograd=True), expected),
        ("forward: Winograd with small tiles, one thread", FLOPS, ways[OUT](TRAINING), passed, 1,
         forward(small_weights, by_winograd=True), expected),
        ("forward, relu, pooling: one after the other, all threads", FLOPS, ways[OUT](TRAINING), passed, ALL,
         one_by_one, pooled),
        ("forward, relu, pooling: in one pass, all threads", FLOPS, ways[READ](TRAINING), few, ALL,
         lambda: fused.forward(*arguments, TWO, TWO)[0], pooled),
        ("inference, relu, pooling: in one pass, Winograd, all threads", FLOPS, ways[READ](INFERENCE), few, ALL,
         lambda: fused.inference(*arguments, TWO, TWO), pooled),
        ("dense layer, three products: one thread", dense_flops, dense_flops, dense_bytes, 1, dense(1), product),
        ("dense layer, three products: all threads", dense_flops, dense_flops, dense_bytes, ALL, dense(every), product),
        ("both gradients: blocks in registers, one thread", 2 * FLOPS, 2 * FLOPS, 2 * passed, 1,
         gradients(False), dkernel_expected),
        ("both gradients: Winograd, one thread", 2 * FLOPS, 2 * ways[OUT](GRADIENTS), 2 * passed, 1,
         gradients(True), dkernel_expected),
    ]  # fmt: skip
    for name, *_, run, right in cases:
        difference = float(np.abs(run() - right).max() / np.abs(right).max())
        if not difference <= SAME_RESULT:
            raise ValueError(
                f"{name}: expected the reference kernel's result, received one that is off by {difference:.1e} of its "
                "largest number. Run tests/test_kernels.py."
            )

    large, copy = np.zeros(2**26, np.float32), np.empty(2**26, np.float32)

    def bandwidth() -> float:
        """GB/s read and written by a copy of 256 MB, which no cache holds."""
        start = time.perf_counter()
        np.copyto(copy, large)
        return 2 * large.nbytes / (time.perf_counter() - start) / 1e9

    bandwidth()
    return [case[:-1] for case in cases], bandwidth


def plot(result: Json, path: Any) -> None:
    """The roofline: what memory and what arithmetic allow, and where each step stands with what it does."""
    figure, axes = _common.new_figure(10, 6)
    peak, one = roof(result, ALL), roof(result, 1)
    width = _common.summary(result["bandwidth_gb_s"])["median"]
    sgemm, blas = _common.summary(result["sgemm_gflops"])["median"], result["sgemm"]
    edge = peak / width
    axes.plot([0.5, edge], [0.5 * width, peak], color="#444444")
    axes.plot([edge, 400], [peak, peak], color="#444444")
    axes.plot([one / width, 400], [one, one], color="#444444", linestyle="--", linewidth=1)
    axes.text(0.6, 0.75 * width, f"memory: {width:.0f} GB/s", rotation=56, rotation_mode="anchor", fontsize=9)
    for y, text in ((peak, f"the roof, {result['threads']} threads: {peak:.0f} GFLOP/s"), (one, f"one: {one:.0f}")):
        axes.text(400, 1.03 * y, text, fontsize=9, ha="right")
    axes.plot(400, sgemm, "<", color=_common.COLOURS["other"])
    lines, beside = [], {2: (8, -10), 3: (8, 2), 5: (-14, -4), 12: (-24, -6)}  # points that lie close together
    for number, step in enumerate(result["steps"], 1):
        new = "Winograd" in step["name"] or "blocks" in step["name"] or "one pass" in step["name"]
        colour = _common.COLOURS["tinycnn" if new else "other"]
        done, direct = (rate(step, operations) for operations in ("done", "flops"))
        axes.plot(
            step["done"] / step["bytes"], done, "o", color=colour, fillstyle="none" if step["threads"] == 1 else "full"
        )
        axes.annotate(
            str(number),
            (step["done"] / step["bytes"], done),
            beside.get(number, (8, -4)),
            textcoords="offset points",
            fontsize=10,
        )
        saved = f", as good as {direct:.0f}" if step["done"] < step["flops"] else ""
        lines.append(f"{number:>2}  {step['name']}: {done:.0f}{saved}")
    lines.append(f"◀  NumPy's @, {blas['threads']} threads: {sgemm:.0f}")
    for number, line in enumerate(lines):
        axes.text(1.02, 1.0 - 0.065 * number, line, transform=axes.transAxes, fontsize=9, va="top")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("operations done for each byte that must be moved")
    axes.set_ylabel("GFLOP/s, operations done (hollow: one thread)")
    axes.grid(alpha=0.3)
    figure.suptitle("The second convolution, from loops to the fast kernel", x=0.01, ha="left")
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())
