"""What all pictures share: their look, and the checks of what they are given."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import rcParams, style
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    LogFormatterSciNotation,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from tinycnn.plots.notebooks import show_by
from tinycnn.plots.words import describe

Array = np.ndarray
# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), told apart by the colour-blind too.
BLUE, VERMILION = "#0072B2", "#D55E00"
COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
TRAINING, VALIDATION = "-", "--"  # lines
LEVELS = (":", "-.")  # what they are compared with
MARKERS = "os^Dv"  # of one colour each: in grey they tell lines apart
_STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
}
# The same look whatever style the user has chosen for figures of their own.
own_style = style.context(["default", _STYLE])


class WhiteFigure(Figure):
    """A Figure that notebooks show, that tells what it shows, and stays white when it is saved under a dark style."""

    def __init__(self, *args: Any, kind: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.kind = kind  # the first word of its text

    @property
    def alternative_text(self) -> str:
        """What is to be seen, in at most 120 words, for those who do not see it."""
        return describe(self)

    def show(self, warn: bool = True) -> None:
        """Open a window and wait until it is closed, as ``pyplot.show()`` does; in a notebook show it below the cell.

        Without a display nothing is shown, and a warning says how to save it.
        """
        from matplotlib import pyplot  # here alone: other figures do not belong to it

        if pyplot.get_backend().lower() == "agg":
            if warn:
                warnings.warn(
                    "show: found no display to open a window on. Save the figure: figure.savefig('figure.png').",
                    stacklevel=2,
                )
            return
        number = getattr(self, "number", None)  # of the window that it has, or had
        if number is None or not pyplot.fignum_exists(number) or pyplot.figure(number) is not self:
            pyplot.figure(FigureClass=lambda **options: self)  # type: ignore[arg-type]  # any callable
        pyplot.show()

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        """The picture, and what a notebook is to store beside it."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue(), {"alt": self.alternative_text}

    def savefig(self, fname: Any, **options: Any) -> None:
        """As matplotlib's; a PNG or SVG file has the alternative text as its description."""
        name = options.get("format") or str(fname) if isinstance(fname, (str, os.PathLike)) else options.get("format")
        if str(name or rcParams["savefig.format"]).lower().rpartition(".")[2] in ("png", "svg"):
            options["metadata"] = {"Description": self.alternative_text, **(options.get("metadata") or {})}
        super().savefig(fname, **{"facecolor": "white", "dpi": 150, **options})


show_by(WhiteFigure, WhiteFigure._repr_png_)


def frame_with(axes: Axes, colour: str, width: float) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=width)


def draw_band(axes: Axes, x: Array, rows: Array, colour: str, runs: str) -> None:
    """From the smallest to the largest of several rows, which are called so; a single one has none."""
    if len(rows) > 1:
        words = f"_bands: range of {runs}"
        axes.fill_between(x, rows.min(axis=0), rows.max(axis=0), color=colour, alpha=0.18, linewidth=0, label=words)


def count_of(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def checked_run(who: str, history: Any) -> dict[str, Array]:
    run = {}
    for key, values in getattr(history, "history", history).items():
        array = np.asarray(values)
        if array.ndim != 1 or array.dtype.kind not in "fiu":
            raise TypeError(
                f"{who}: expected a list of numbers for {key!r}, received {values!r}. Pass what model.fit returns."
            )
        run[key] = array
    if "loss" not in run or len(run["loss"]) == 0:
        raise ValueError(
            f"{who}: expected a history with the loss of at least one epoch, received {sizes_of(run)}. Train first."
        )
    shown = {key: values for key, values in run.items() if key.removeprefix("val_") in ("loss", "accuracy")}
    if len({len(values) for values in shown.values()}) > 1:
        raise ValueError(
            f"{who}: expected as many values of each figure, received {sizes_of(shown)}. Validate after every epoch."
        )
    return shown


def sizes_of(run: Mapping[str, Array]) -> str:
    return ", ".join(f"{len(values)} of {key}" for key, values in run.items()) or "none"


class Percent(PercentFormatter):
    """0.5 % and 99.5 %, where PercentFormatter would round to whole ones, or to as many digits for all."""

    def __init__(self) -> None:
        super().__init__(1.0, symbol=" %")

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{100 * x:.6g}{self.symbol}"


def format_quantity(axes: Axes, quantity: str, log_loss: bool) -> None:
    """Percent for an accuracy; for a loss a logarithmic axis, where it is asked for."""
    if "accuracy" in quantity:
        axes.yaxis.set_major_formatter(Percent())
    elif log_loss:
        axes.set_yscale("log")
        name_log_ticks(axes.yaxis)


def name_log_ticks(*axes: Axis) -> None:
    """Several ticks with numbers on each logarithmic axis, whatever its range; for when the range is known."""
    some = (1, 3) if any(isinstance(axis, XAxis) for axis in axes) else (1, 2, 5)  # one below the other takes less room
    for axis in axes:
        low, high = sorted(axis.get_view_interval())
        if high > 3 * low:
            subs = (1,) if high > 1000 * low else some if high > 10 * low else (1, 2, 3, 4, 5, 6, 8)
            axis.set_major_locator(LogLocator(subs=subs))
        else:
            axis.set_major_locator(MaxNLocator(4))
        powers = LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(np.inf, np.inf))
        axis.set_major_formatter(powers if low < 1e-4 or high > 1e6 else "{x:,g}")
        axis.set_minor_formatter(NullFormatter())


def magnify_high_accuracies(*axes: Axes) -> None:
    """Equal steps for equal factors of the error: 99.0 % and 99.5 % are as far apart as 80 % and 90 %.

    On an axis of equal percents a first epoch would leave no room for what comes after it. Where errors differ little,
    the axis stays as it is.
    """
    accuracies = np.concatenate([line.get_ydata() for one in axes for line in one.lines] or [np.ones(1)])
    errors = 1 - accuracies[accuracies < 1]
    if errors.size == 0 or errors.max() < 5 * errors.min():
        return
    perfect = errors.min() / 2  # where 100 % is drawn
    places = [1 - m * 10.0**-k for k in range(6) for m in (1, 0.5, 0.2)]
    shown = [place for place in places if 1 - 1.5 * errors.max() <= place <= 1 - perfect]
    for one in axes:
        one.set_yscale("function", functions=(lambda a: -np.log10(np.maximum(1 - a, perfect)), lambda h: 1 - 10.0**-h))
        one.yaxis.set_major_locator(FixedLocator([*shown, *([1] if (accuracies == 1).any() else [])]))
        one.yaxis.set_major_formatter(Percent())


def check_numbers(who: str, name: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{who}: expected {name} to be an array of numbers, received dtype {array.dtype}. "
            f"Convert it first: {name}.astype('float32')."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{who}: expected finite numbers in {name}, received NaN or infinity. Look at the data.")
    return array


def check_images(who: str, images: Any) -> Array:
    """(n, h, w) or (n, h, w, 3); a channel axis of length one is taken off."""
    array = check_numbers(who, "images", images)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.size == 0 or not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3)):
        raise ValueError(
            f"{who}: expected images of shape (n, height, width) or (n, height, width, channels) with 1 or 3 channels, "
            f"received shape {np.shape(images)}. Reshape them: images.reshape(-1, 28, 28)."
        )
    return array


def check_count(who: str, count: Any, n: int) -> int:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise ValueError(f"{who}: expected count to be a positive whole number, received {count!r}. Try 25.")
    return min(int(count), n)


def limits_of(images: Array) -> tuple[float, float]:
    low, high = float(images.min()), float(images.max())
    return low, high if high > low else low + 1.0
