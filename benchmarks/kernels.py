"""Each kernel of the table on the notebook's shapes and some others: reference, fast, and the share of the roof.

Both sets must give the same results before they are timed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import _common, _operations
from benchmarks._common import Json, say
from benchmarks._worker import Worker

DTYPES = ("float32", "float64")
SAME_RESULT = 2e-5  # of the largest number; float32 sums of up to 20,000 values in another order


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--rounds", type=_common.above_zero(int))
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    result = _common.header("kernels", sys.argv[1:] if argv is None else argv)
    result |= measure(arguments.rounds or (1 if arguments.quick else 7), 0.02 if arguments.quick else 0.1)
    _common.write_json(target / "kernels.json", result)
    plot(result, target / "kernels.png")
    for case in result["cases"]:
        fast, reference = (_common.summary(case[name])["median"] * 1e3 for name in ("fast_s", "reference_s"))
        speed_up = _common.times(reference / fast)
        print(f"{case['entry']:30} {case['where']:20} {reference:9.3f} ms {fast:9.3f} ms {speed_up:>7}")
    return 0


def measure(rounds: int, seconds: float) -> Json:
    """Time every case in both sets, in turn; ``seconds`` of calls in each round."""
    with (
        Worker("benchmarks._kernels_worker", "reference") as reference,
        Worker("benchmarks._kernels_worker", "fast") as fast,
        Worker("benchmarks._sgemm_worker") as sgemm,
        Worker("benchmarks._roof_worker") as roof,
        tempfile.TemporaryDirectory() as folder,
    ):
        cases = fast.ask("cases")
        path = str(Path(folder) / "results.npz")
        for number, case in enumerate(cases):
            reference.ask("save_results", case=number, path=path)
            case["difference"] = difference = fast.ask("difference", case=number, path=path)
            if not difference <= SAME_RESULT:
                raise ValueError(
                    f"{case['entry']} ({case['where']}): expected equal results of both sets, received a difference "
                    f"of {difference:.1e} of the largest number. Run tests/test_kernels.py."
                )
        say("all results agree; timing")
        tasks = {
            "sgemm": partial(sgemm.ask, "gflops", repeats=5),
            **{f"roof {dtype}": partial(roof.ask, "gflops", repeats=25, dtype=dtype) for dtype in DTYPES},
            "reference": partial(reference.ask, "time_all", seconds=seconds),
            "fast": partial(fast.ask, "time_all", seconds=seconds),
        }
        timings = _common.interleaved(tasks, rounds)
    roofs = {dtype: [timing["all_threads"] for timing in timings[f"roof {dtype}"]] for dtype in DTYPES}
    for number, case in enumerate(cases):
        for name in ("reference", "fast"):
            case[f"{name}_s"] = [timing["calls"][number] for timing in timings[name]]
        if case["flops"]:
            limit, rates = max(roofs[case["dtype"]]), [case["done"] / s / 1e9 for s in case["fast_s"]]
            name = f"{case['entry']} ({case['where']})"
            _operations.check_below_roof({name: _common.summary(rates)["median"]}, limit)
            case["roof_share"] = [rate / limit for rate in rates]
    return {
        "settings": {"batch": 32, "rounds": rounds, "dtype": "float32"},
        "sgemm_gflops": [timing["gflops"] for timing in timings["sgemm"]],
        "roof_gflops": roofs,
        "cases": cases,
        "rounds": timings,
    }


def plot(result: Json, path: Path) -> None:
    """Times of both sets on a logarithmic axis, joined by a line."""
    cases = result["cases"]
    figure, axes = _common.new_figure(10, 1.2 + 0.27 * len(cases))
    for y, case in enumerate(cases):
        fast, slow = (1000 * _common.summary(case[name])["median"] for name in ("fast_s", "reference_s"))
        axes.plot([fast, slow], [y, y], color="#cccccc", zorder=1)
        axes.plot(slow, y, "s", color=_common.COLOURS["other"], label="reference (NumPy)" if y == 0 else None)
        axes.plot(fast, y, "o", color=_common.COLOURS["tinycnn"], label="fast (Numba)" if y == 0 else None)
        share = f", {100 * _common.summary(case['roof_share'])['median']:.0f} % of the roof" if case["flops"] else ""
        times = f"{_common.times(slow / fast)}{share}" if case["accelerated"] else "one kernel for both"
        axes.text(1.01, y, times, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(cases)), [f"{c['entry']}, {c['where']}" for c in cases], fontsize=9)
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("milliseconds a call, batch 32 (medians; logarithmic)")
    figure.suptitle("Reference and fast kernels on the notebook's shapes and some others", x=0.01, ha="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())
