"""Lines and bars for a tutorial's measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tinycnn.plots.common import (
    BLUE,
    COLOURS,
    LEVELS,
    TRAINING,
    VALIDATION,
    Array,
    WhiteFigure,
    check_numbers,
    draw_band,
    name_log_ticks,
    own_style,
)
from tinycnn.plots.words import number


@own_style
def bars(values: Mapping[str, Any], label: str, log: bool = False, title: str | None = None) -> Figure:
    """A bar for each name; of several measurements their median, and a line from the smallest to the largest.

    A logarithmic axis has no zero for a bar to stand on, so there the medians are points.

    Args:
        values: name -> a number, or several of the same thing, (n,); positive, or 0 where the axis is not logarithmic.
        label: what the numbers are, with their unit.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no names, other shapes, or values that the axis does not hold.
    """
    who = "bars"
    if not values:
        raise ValueError(f"{who}: expected at least one name with its values, received none. Pass a dict.")
    rows = {name: np.atleast_1d(check_numbers(who, name, row)).astype(float) for name, row in values.items()}
    for name, row in rows.items():
        if row.ndim != 1 or row.size == 0 or (row < 0).any() or (log and (row == 0).any()):
            kind = "positive numbers" if log else "no number below 0"
            raise ValueError(
                f"{who}: expected {name!r} to hold {kind}, one or several in a row, received shape {row.shape}, the "
                f"smallest {row.min(initial=np.inf):g}. Leave such values out."
            )
    places = np.arange(len(rows))
    medians = [float(np.median(row)) for row in rows.values()]
    ends = [float(row.max()) for row in rows.values()]
    figure = WhiteFigure(figsize=(7.2, 0.9 + 0.36 * len(rows)), kind="Bar chart", layout="constrained")
    axes = figure.subplots()
    if log:
        axes.plot(medians, places, "o", color=BLUE, markersize=7, label="_")
    else:
        axes.barh(places, medians, height=0.62, color=COLOURS[4])  # pale, for the sake of the line
    for place, row, median, end in zip(places, rows.values(), medians, ends, strict=True):
        axes.plot([row.min(), end], [place, place], color="black", linewidth=1.2, label=f"_{len(row)} measurements")
        axes.annotate(f"{median:.3g}", (end, place), xytext=(7, 0), textcoords="offset points", va="center")
    low, high = min(float(row.min()) for row in rows.values()), max(ends)
    if log:
        axes.set(xscale="log", xlim=(low / (high / low) ** 0.05 / 1.2, high * (high / low) ** 0.12 * 1.5))
        name_log_ticks(axes.xaxis)
    else:
        axes.set_xlim(0, 1.15 * high or 1)
    axes.set(xlabel=label, ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(places, list(rows))
    axes.grid(visible=False, axis="y")
    if title:
        figure.suptitle(title)
    return figure


@own_style
def roofline(
    programs: Mapping[str, tuple[float, float]], peak: float, bandwidth: float, title: str | None = None
) -> Figure:
    """What memory and arithmetic allow, and where programs stand below it.

    Math:    rate ≤ min(peak, intensity · bandwidth)
    Args:
        programs: name -> (its intensity, operations for each byte that has to be moved; its rate in GFLOP/s).
        peak: the rate that arithmetic allows, in GFLOP/s.
        bandwidth: what memory moves, in GB/s.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no programs, or numbers that are not positive.
    Source:  Williams, Waterman & Patterson 2009, doi:10.1145/1498765.1498785
    """
    who = "roofline"
    if not programs:
        raise ValueError(f"{who}: expected at least one program, received none. Pass a dict name -> (intensity, rate).")
    limits = _check_positive(who, "peak and bandwidth", [peak, bandwidth])
    points = {name: _check_positive(who, name, pair) for name, pair in programs.items()}
    for name, pair in points.items():
        if len(pair) != 2:
            raise ValueError(
                f"{who}: expected (intensity, rate) of {name!r}, received {len(pair)} numbers. Divide the operations "
                "by the bytes for the one, by the time for the other."
            )
    peak, bandwidth = (float(limit) for limit in limits)
    edge = peak / bandwidth
    intensities = [edge, *(float(pair[0]) for pair in points.values())]
    rates = [peak, *(float(pair[1]) for pair in points.values())]
    left, right, top, bottom = min(intensities) / 8, max(intensities) * 4, max(rates) * 2.5, min(rates) / 2
    figure = WhiteFigure(figsize=(7.2, 4.4 + 0.22 * math.ceil(len(points) / 2)), kind="Roofline", layout="constrained")
    axes = figure.subplots()
    roof = f"_roof: arithmetic {number(peak)} GFLOP/s, memory {number(bandwidth)} GB/s"
    axes.plot([left, edge, right], [left * bandwidth, peak, peak], color="black", linewidth=1.6, label=roof)
    axes.annotate(f"arithmetic: {peak:.3g} GFLOP/s", (edge, peak), xytext=(0, 6), textcoords="offset points")
    low = max(bottom, left * bandwidth)
    middle = math.sqrt(low / bandwidth * edge), math.sqrt(low * peak)  # of the slope that is seen
    axes.annotate(f"memory: {bandwidth:.3g} GB/s", middle, xytext=(12, -14), textcoords="offset points")
    for i, (name, (intensity, rate)) in enumerate(points.items()):
        axes.plot(
            intensity, rate, "osD^vP"[i % 6], color=COLOURS[i % len(COLOURS)], markersize=8, linestyle="", label=name
        )
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(bottom, top))
    axes.set(xlabel="operations for each byte that has to be moved", ylabel="GFLOP/s")
    name_log_ticks(axes.xaxis, axes.yaxis)
    axes.set_title(title or "What memory and arithmetic allow")
    figure.legend(loc="outside lower center", ncols=2 if max(map(len, points)) <= 36 else 1)
    return figure


@own_style
def line_chart(
    lines: Mapping[str, Any],
    xlabel: str,
    ylabel: str,
    title: str = "",
    levels: Mapping[str, float] | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """Lines over one axis, each with its name; and levels, horizontal lines to compare with.

    Of several runs the median is shown, in a band from the lowest to the highest.

    Args:
        lines: (x, y) for each name, x (n,), y (n,) or (runs, n); dashed where the name begins with "validation".
        levels: a height for each name, drawn dotted.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no lines, or an x and a y of different lengths.
    """
    who = "line_chart"
    if not lines:
        raise ValueError(f"{who}: expected at least one line, received none. Pass a dict of name -> (x, y).")
    figure = WhiteFigure(figsize=(6.2, 4), layout="constrained")
    axes = figure.subplots()
    for i, (name, (given_x, given_y)) in enumerate(lines.items()):
        x, y = check_numbers(who, f"x of {name!r}", given_x), check_numbers(who, f"y of {name!r}", given_y)
        if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[-1:] != x.shape or y.size == 0:
            raise ValueError(
                f"{who}: expected x and y of {name!r} as two lists of one length, received shapes {x.shape} and "
                f"{y.shape}. Give a height for each place."
            )
        marker = "osD^vP"[i % 6] if len(x) <= 30 else None
        colour, several = COLOURS[i % len(COLOURS)], np.atleast_2d(y)
        line = VALIDATION if name.startswith("validation") else TRAINING
        axes.plot(x, np.median(several, axis=0), line, color=colour, marker=marker, markersize=4, label=name)
        draw_band(axes, x, several, colour, f"{len(several)} runs")
    for i, (name, height) in enumerate((levels or {}).items()):
        axes.axhline(height, color="#444444", linestyle=LEVELS[i % 2], linewidth=1.4, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if log_x:
        axes.set_xscale("log")
        name_log_ticks(axes.xaxis)
        places = np.unique(np.concatenate([np.asarray(x) for x, _ in lines.values()]))
        if len(places) <= 10:
            axes.set_xticks(places, [f"{place:g}" for place in places])
            axes.minorticks_off()
    if log_y:
        axes.set_yscale("log")
        name_log_ticks(axes.yaxis)
    figure.legend(loc="outside lower center", ncols=min(3, len(lines) + len(levels or {})))
    return figure


@own_style
def difference_errors(steps: Any, errors: Mapping[str, Any], title: str | None = None) -> Figure:
    """How wrong a difference quotient is, against its step h: large steps suffer from the curve, small from rounding.

    Args:
        steps: the steps h, (n,), positive.
        errors: name of a quotient -> its absolute or relative errors, (n,); zeros are left out.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no errors, other shapes than that of the steps, or values below 0.
    """
    who = "difference_errors"
    h = _check_positive(who, "steps", steps)
    if not errors:
        raise ValueError(f"{who}: expected the errors of at least one quotient, received none. Pass a dict.")
    figure = WhiteFigure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for i, (name, values) in enumerate(errors.items()):
        array = check_numbers(who, name, values)
        if array.shape != h.shape or (array < 0).any():
            raise ValueError(
                f"{who}: expected as many errors of {name!r} as steps, none below 0, received shape {array.shape} for "
                f"{h.shape}. Take their absolute values."
            )
        seen = array > 0
        axes.plot(
            h[seen], array[seen], color=COLOURS[i % len(COLOURS)], marker="osD^vP"[i % 6], markersize=4, label=name
        )
    axes.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative error of the slope")
    name_log_ticks(axes.xaxis, axes.yaxis)
    axes.set_title(title or "Error of a difference quotient")
    axes.legend()
    return figure


def _check_positive(who: str, name: str, values: Any) -> Array:
    array = check_numbers(who, name, values)
    if array.ndim != 1 or array.size == 0 or (array <= 0).any():
        raise ValueError(
            f"{who}: expected {name} of shape (n,), all above 0, received shape {array.shape}. Try np.geomspace."
        )
    return array
