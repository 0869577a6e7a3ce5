"""Pictures of several runs beside each other: other seeds, other frameworks, other sizes of the training set."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, PercentFormatter

from tinycnn.plots.common import (
    BLUE,
    COLOURS,
    LEVELS,
    MARKERS,
    TRAINING,
    VALIDATION,
    VERMILION,
    Array,
    Percent,
    WhiteFigure,
    check_count,
    check_numbers,
    checked_run,
    count_of,
    draw_band,
    format_quantity,
    magnify_high_accuracies,
    name_log_ticks,
    own_style,
)
from tinycnn.plots.words import number, span


@own_style
def compare_curves(models: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Figure:
    """The same trainings by several hands: a column a model, a colour a hand; losses above, accuracies below.

    Solid lines are means over an epoch of training, in which the weights moved; dashed ones validation at its end. The
    axis of the accuracy is that of the logarithm of the error, where it would hide the later epochs otherwise.

    Args:
        models: name of a model -> name of a run -> its history, or the dict of one.
        title: stands above all.

    Raises:
        TypeError: histories that are none.
        ValueError: no model, or a history without the loss of an epoch.
    """
    who = "compare_curves"
    columns = {
        model: {name: checked_run(f"{who}: {model}, {name}", run) for name, run in runs.items()}
        for model, runs in models.items()
    }
    if not any(columns.values()):
        raise ValueError(f"{who}: expected the runs of at least one model, received none. Pass a dict of dicts.")
    figure = WhiteFigure(figsize=(3.5 * len(columns) + 0.5, 6.4), layout="constrained")
    if title:
        figure.suptitle(title)
    panels = figure.subplots(2, len(columns), squeeze=False, sharex=True, sharey="row")
    names = list(dict.fromkeys(name for runs in columns.values() for name in runs))
    handles: dict[str, Any] = {}
    for (model, runs), column in zip(columns.items(), panels.T, strict=True):
        for (name, run), (axes, key), part in itertools.product(
            runs.items(), zip(column, ("loss", "accuracy"), strict=True), ("", "val_")
        ):
            if part + key not in run:
                continue
            i = names.index(name)
            style_of = {"color": COLOURS[i % len(COLOURS)], "linestyle": VALIDATION if part else TRAINING}
            epochs = np.arange(1, len(run[part + key]) + 1)
            label = f"{name}, {'validation' if part else 'training'}"
            (line,) = axes.plot(epochs, run[part + key], marker=MARKERS[i % 5], markersize=3.5, label=label, **style_of)
            handles.setdefault(label, line)
        column[0].set(title=model, yscale="log")
        column[1].set(xlabel="epoch")
    for axes, label in zip(panels[:, 0], ("loss", "accuracy"), strict=True):
        axes.set_ylabel(label)
    name_log_ticks(panels[0, 0].yaxis)
    panels[1, 0].yaxis.set_major_formatter(Percent())
    magnify_high_accuracies(*panels[1])
    panels[1, 0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=min(len(names), 4))
    return figure


@own_style
def overfitting_curves(columns: Mapping[str, Mapping[str, Mapping[str, Any]]], title: str = "Overfitting") -> Figure:
    """Losses and validation error (1 − accuracy) over the steps of training, a column for each amount of data.

    A line is the mean over runs, the band around it reaches from the smallest to the largest.

    Shapes:  ``columns["200 images"]["dropout"]`` holds "step" (p,), and "training", "validation" and "accuracy", each
             (runs, p)

    Raises:
        TypeError: values that are not numbers.
        ValueError: no columns, or figures of other shapes.
    """
    who = "overfitting_curves"
    if not columns:
        raise ValueError(f"{who}: expected at least one column, received none. Pass a dict of title -> runs.")
    figure = WhiteFigure(figsize=(max(2.3 * len(columns) + 0.6, 5), 5), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(2, len(columns), sharex=True, sharey="row", squeeze=False)
    handles: dict[str, Any] = {}
    for (loss, error), (name, runs) in zip(panels.T, columns.items(), strict=True):
        for i, (model, figures) in enumerate(runs.items()):
            step = check_numbers(who, f"steps of {model!r}", figures["step"])
            for part, axes, line in (
                ("training", loss, TRAINING),
                ("validation", loss, VALIDATION),
                ("accuracy", error, VALIDATION),
            ):
                values = check_numbers(who, f"{part} of {model!r}", figures[part])
                if values.ndim != 2 or values.shape[1:] != step.shape or values.size == 0:
                    raise ValueError(
                        f"{who}: expected {part} of {model!r} in {name!r} of shape (runs, {step.size}), received "
                        f"{values.shape}. Give each run's figure at each step."
                    )
                shown = np.maximum(values if axes is loss else 1 - values, 1e-6)
                colour = COLOURS[i % len(COLOURS)]
                (drawn,) = axes.plot(
                    step, shown.mean(axis=0), line, color=colour, marker=MARKERS[i % 5], markersize=3,
                    label=f"{model}, {part}" if axes is loss else model,
                )  # fmt: skip
                draw_band(axes, step, shown, colour, f"{len(shown)} runs")
                if axes is loss:
                    handles.setdefault(f"{model}, {part}", drawn)
        loss.set(title=name, xscale="log", yscale="log")
        error.set(xlabel="step", xscale="log", yscale="log")
    first, last = panels[0, 0].get_xlim()
    for axes in panels[:, 0]:
        name_log_ticks(axes.xaxis, axes.yaxis)
        if last > 100 * first:  # long numbers in narrow panels: powers of ten only
            axes.xaxis.set_major_locator(LogLocator())
    panels[1, 0].yaxis.set_major_formatter(Percent())
    panels[0, 0].set_ylabel("loss")
    panels[1, 0].set_ylabel("validation error")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2)
    return figure


@own_style
def seed_bands(
    panels: Mapping[str, Mapping[str, Any]],
    ylabel: str | Sequence[str],
    log_loss: bool = False,
    title: str | None = None,
    columns: int | None = None,
) -> Figure:
    """Runs that differ in their seed alone: a line for the mean of each group, a band from its lowest to its highest.

    Where the bands of two groups overlap, a single run of each could have come out either way round. Lines are dashed
    in a panel whose title or ylabel begins with "validation". Where numbers of seeds differ, the legend has them.

    Shapes:  each group's curves (seeds, epochs)

    Args:
        panels: title of a panel -> name of a group -> its curves. A group has the same colour in every panel.
        ylabel: what is measured: one word for all panels, which then share their axis, or one for each.
        log_loss: whether axes of a loss are logarithmic.
        title: stands above all.
        columns: panels side by side, by default all; where they take several rows they are small.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no panels, no groups, curves that are no table of seeds and epochs, labels for other panels.
    """
    who = "seed_bands"
    checked = _check_panels(who, panels, 2, "a table of seeds and epochs")
    ylabels = [ylabel] * len(checked) if isinstance(ylabel, str) else list(ylabel)
    if len(ylabels) != len(checked):
        raise ValueError(
            f"{who}: expected a ylabel for each of {count_of(len(checked), 'panel')}, received {len(ylabels)}. "
            "Pass one word for all, or as many as there are panels."
        )
    groups = _groups(checked)
    sizes = {label: {len(curves_of[label]) for curves_of in checked.values() if label in curves_of} for label in groups}
    unequal = len(set.union(*sizes.values())) > 1
    if unequal:
        counts = {label: " or ".join(count_of(n, "seed") for n in sorted(those)) for label, those in sizes.items()}
        names = {label: f"{label} ({counts[label]})" for label in groups}
    else:
        names = {label: label for label in groups}
    columns = len(checked) if columns is None else check_count(who, columns, len(checked))
    rows = -(-len(checked) // columns)
    small = rows > 1
    size = (2.1 * columns + 0.6, 1.65 * rows + 1) if small else (max(3.6 * columns, 5), 3.9)
    figure = WhiteFigure(figsize=size, layout="constrained")
    figure.suptitle(title or "")
    handles: dict[str, Any] = {}
    grid = figure.subplots(rows, columns, squeeze=False, sharey=isinstance(ylabel, str)).ravel()
    axes_of_panels, unused = grid[: len(checked)], grid[len(checked) :]
    for axes in unused:
        axes.set_visible(False)
    for axes, (name, curves_of), quantity in zip(axes_of_panels, checked.items(), ylabels, strict=True):
        for label, curves in curves_of.items():
            i = groups.index(label)
            colour = COLOURS[i % len(COLOURS)]
            epochs = np.arange(1, curves.shape[1] + 1)
            draw_band(axes, epochs, curves, colour, "the seeds" if unequal else f"{len(curves)} seeds")
            (line,) = axes.plot(
                epochs,
                curves.mean(axis=0),
                VALIDATION if name.startswith("validation") or quantity.startswith("validation") else TRAINING,
                color=colour,
                marker=MARKERS[i % 5],
                markevery=-(-len(epochs) // 30),
                markersize=2.5 if small else 4,
                label=names[label],
            )
            handles.setdefault(label, line)
        axes.set(xlabel="epoch", ylabel=quantity)
        axes.set_title(name, fontsize="small" if small else None)
        axes.label_outer(remove_inner_ticks=False) if isinstance(ylabel, str) else None
        if axes in axes_of_panels[-columns:]:  # nothing stands below
            axes.set_xlabel("epoch")
            axes.tick_params(labelbottom=True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes, quantity in zip(axes_of_panels, ylabels, strict=True):  # an axis that is shared knows its range now
        format_quantity(axes, quantity, log_loss)
    columns = min(len(groups), 4)
    figure.legend([handles[g] for g in groups], [names[g] for g in groups], loc="outside lower center", ncols=columns)
    return figure


@own_style
def paired_differences(
    panels: Mapping[str, Mapping[str, Any]],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
    control: Mapping[str, Mapping[str, Any]] | None = None,
    control_name: str = "control",
    title: str | None = None,
) -> Figure:
    """What a change did, pair by pair: a dot for each pair of runs, their mean, and an interval for it, beside zero.

    An interval that lies on one side of zero tells in which direction the change works; one that crosses zero does not.

    Shapes:  each row's differences (pairs,)

    Args:
        panels: what is measured, with its unit -> name of a row -> the differences.
        intervals: the same names -> (low, high).
        control: differences from elsewhere, for some or all of the rows: hollow diamonds, without an interval.
        control_name: what the legend calls them.
        title: stands above all.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no panels, no rows, differences that are no row of numbers, a row without an interval.
    """
    who = "paired_differences"
    checked = _check_panels(who, panels, 1, "a row of differences")
    others = {} if control is None else _check_panels(who, control, 1, "a row of differences")
    for name, rows in checked.items():
        for label in rows:
            interval = intervals.get(name, {}).get(label)
            if interval is None or len(interval) != 2:
                raise ValueError(
                    f"{who}: expected an interval (low, high) for {label!r} in {name!r}, received {interval!r}. "
                    "Pass one for each row."
                )
    labels = _groups(checked)
    figure = WhiteFigure(
        figsize=(max(3.5 * len(checked) + 1.5, 5.5), 0.75 * len(labels) + 1.7),
        layout="constrained",
        kind="Differences of pairs",
    )
    figure.suptitle(title or "")
    handles: dict[str, Any] = {}
    for axes, (name, rows) in zip(
        figure.subplots(1, len(checked), squeeze=False, sharey=True)[0], checked.items(), strict=True
    ):
        axes.axvline(0, color="black", linewidth=0.8)
        for label, values in rows.items():
            y = labels.index(label)
            (handles["a pair of runs"],) = axes.plot(
                values, np.full(len(values), y - 0.16), "o", color=BLUE, alpha=0.5, markersize=5, markeredgewidth=0
            )
            handles["mean and interval"] = axes.errorbar(
                values.mean(),
                y,
                xerr=np.abs(np.subtract(intervals[name][label], values.mean()))[:, None],
                fmt="s",
                color=BLUE,
                markersize=6,
                linewidth=2,
                capsize=4,
                label=f"_mean of {count_of(len(values), 'pair')}",
            )
            other = others.get(name, {}).get(label)
            if other is not None:
                (handles[f"a pair of runs, {control_name}"],) = axes.plot(
                    other, np.full(len(other), y + 0.2), "D", color=VERMILION, markerfacecolor="none", markersize=5,
                    label=control_name,
                )  # fmt: skip
        axes.set(xlabel=name, ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)), yticklabels=labels)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


@own_style
def ranking(
    groups: Mapping[str, Mapping[str, Any]],
    intervals: Mapping[str, tuple[float, float]],
    xlabel: str,
    levels: Mapping[str, float] | None = None,
    log: bool = False,
    title: str | None = None,
) -> Figure:
    """Many kinds of runs, the one with the smallest mean on top: a dot for each run, their mean, an interval for it.

    Shapes:  each row's figures (runs,)

    Args:
        groups: name of a group, which has a colour -> name of a row -> the figures; no name twice.
        intervals: (low, high) of each row; on a logarithmic axis cut off where it ends.
        xlabel: what is measured, with its unit.
        levels: a place on the axis for each name, drawn dotted.
        log: whether the axis is logarithmic; figures have to be positive then.
        title: stands above all.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no groups, figures that are no row of numbers, a row without an interval, a name in two groups, a
            figure that is not positive on a logarithmic axis.
    """
    who = "ranking"
    checked = _check_panels(who, groups, 1, "a row of figures")
    rows = [(label, values, i) for i, members in enumerate(checked.values()) for label, values in members.items()]
    labels = [label for label, _, _ in rows]
    for label, values, _ in rows:
        if labels.count(label) > 1:
            raise ValueError(f"{who}: expected each name once, received {label!r} in two groups. Give it another name.")
        if len(intervals.get(label, ())) != 2:
            raise ValueError(
                f"{who}: expected an interval (low, high) for {label!r}, received {intervals.get(label)!r}. "
                "Pass one for each row."
            )
        if log and values.min() <= 0:
            raise ValueError(
                f"{who}: expected positive numbers for {label!r} on a logarithmic axis, received {values.min():g}. "
                "Leave out log=True, or such rows."
            )
    rows.sort(key=lambda row: float(row[1].mean()))
    figure = WhiteFigure(figsize=(8.4, 0.27 * len(rows) + 1.5), kind="Ranking", layout="constrained")
    figure.suptitle(title or "")
    axes = figure.subplots()
    handles: dict[str, Any] = {}
    for (name, place), line in zip((levels or {}).items(), itertools.cycle(LEVELS)):
        handles[name] = axes.axvline(place, color="#444444", linestyle=line, linewidth=1.2, label=name)
    least = min(float(values.min()) for _, values, _ in rows) / 1.3 if log else -np.inf
    for y, (label, values, i) in enumerate(rows):
        colour, mean = COLOURS[i % len(COLOURS)], values.mean()
        axes.plot(values, np.full(len(values), y), "o", color=colour, alpha=0.35, markersize=4.5, markeredgewidth=0)
        low, high = np.maximum(intervals[label], least)
        handles[list(checked)[i]] = axes.errorbar(
            mean,
            y,
            xerr=[[mean - low], [high - mean]],
            fmt=MARKERS[i % 5],
            color=colour,
            markersize=6,
            linewidth=1.8,
            capsize=3,
            label=f"_mean of {count_of(len(values), 'run')}",
        )
    axes.set(xlabel=xlabel, ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    if log:
        axes.set_xscale("log")
        name_log_ticks(axes.xaxis)
    axes.grid(axis="y", alpha=0.5)
    axes.tick_params(axis="y", length=0)
    order = [name for name in (*(levels or {}), *checked) if name in handles]
    figure.legend([handles[name] for name in order], order, loc="outside lower center", ncols=min(len(order), 3))
    return figure


@own_style
def reliability_diagram(
    models: Mapping[str, Mapping[str, Any]],
    least: int = 20,
    title: str | None = None,
    errors: Mapping[str, float] | None = None,
) -> Figure:
    """How often predictions come true, by how sure they were; below, how many there were of each confidence.

    On the diagonal a model knows how much it knows: of what it says with 80 %, 80 % are right. Below it, it promises
    too much. Confidence is the probability of the class that was predicted.

    Args:
        models: name -> bins of equal width from 0 to 1: a dict of "count" (images), "confidence" (the sum of theirs)
            and "correct" (how many of them), each (bins,).
        least: bins with fewer images than that are small and hollow, without their gap: chance alone moves them far.
        title: stands above all.
        errors: name -> the expected calibration error, from 0 to 1, to be told above, such as a mean over seeds; by
            default that of the bins, all images pooled.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no models, no images, or lists of different lengths.
    """
    who = "reliability_diagram"
    checked = _check_panels(who, models, 1, "a row of bins")
    for name, bins in checked.items():
        shapes = [bins[part].shape if part in bins else None for part in ("count", "confidence", "correct")]
        if len(set(shapes)) > 1 or shapes[0] is None or bins["count"].sum() < 1:
            raise ValueError(
                f"{who}: expected count, confidence and correct of one length in {name!r}, and at least one image, "
                f"received {', '.join(f'{len(values)} of {part}' for part, values in bins.items())}. "
                "Fill the bins from model.predict."
            )
        if errors is not None and name not in errors:
            raise ValueError(
                f"{who}: expected an error for {name!r}, received {dict(errors)}. Pass one for each model."
            )
    size = max(2.7 * len(checked) + 0.8, 4), 4.6
    figure = WhiteFigure(figsize=size, layout="constrained", kind="Reliability diagram")
    figure.suptitle(title or "")
    upper, lower = figure.subplots(2, len(checked), squeeze=False, sharex=True, sharey="row", height_ratios=(2.4, 1))
    for above, below, (name, bins) in zip(upper, lower, checked.items(), strict=True):
        used = bins["count"] > 0
        confidence, correct = (bins[part][used] / bins["count"][used] for part in ("confidence", "correct"))
        many = bins["count"][used] >= least
        (diagonal,) = above.plot((0, 1), (0, 1), LEVELS[0], color="#444444", linewidth=1.4)
        above.vlines(confidence[many], confidence[many], correct[many], color=VERMILION, alpha=0.6, linewidth=4)
        marks: dict[str, Any] = {"clip_on": False, "in_layout": False}
        (filled,) = above.plot(confidence[many], correct[many], "o", color=BLUE, markersize=6, **marks)
        (hollow,) = above.plot(
            confidence[~many], correct[~many], "o", color="#888888", markersize=4, markerfacecolor="none", **marks
        )
        pooled = np.abs(bins["correct"] - bins["confidence"]).sum() / bins["count"].sum()
        error = f"pooled ECE {100 * pooled:.2f} %" if errors is None else f"ECE {100 * errors[name]:.2f} %"
        above.set(title=f"{name}\n{error}", xlim=(0, 1), ylim=(0, 1))
        above.set_label(_told_bins(confidence[many], correct[many], least))
        edges = np.linspace(0, 1, len(used) + 1)
        below.bar(edges[:-1], bins["count"], width=np.diff(edges), align="edge", color="#999999", edgecolor="white")
        below.set(xlabel="confidence, %", yscale="log", ylim=(0.7, None))
        below.set_xticks((0, 0.5, 1))
        for axis in (above.xaxis, above.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    upper[0].set_ylabel("correct, %")
    lower[0].set_ylabel("images")
    name_log_ticks(lower[0].yaxis)
    names = ["confidence = correct", f"a bin of {least} images or more", "a bin of fewer"]
    columns = 3 if len(checked) > 2 else 1
    figure.legend([diagonal, filled, hollow], names, loc="outside lower center", ncols=columns)
    return figure


def _told_bins(confidence: Array, correct: Array, least: int) -> str:
    """How sure and how right the bins are that hold enough images, and where the two differ most."""
    told = f"{count_of(len(confidence), 'bin')} of {least} images or more"
    if len(confidence) == 0:
        return told
    widest = int(np.abs(correct - confidence).argmax())
    sure, right = (span(100 * values.min(), 100 * values.max()) for values in (confidence, correct))
    told += f": confidence {sure} %, correct {right} %"
    sure, right = (number(100 * float(values[widest])) for values in (confidence, correct))
    return f"{told}; widest gap: confidence {sure} %, correct {right} %"


def _check_panels(who: str, panels: Any, rank: int, what: str) -> dict[str, dict[str, Array]]:
    """A dict of dicts of arrays that have this rank and are not empty."""
    if not isinstance(panels, Mapping) or not panels or not all(isinstance(p, Mapping) and p for p in panels.values()):
        raise ValueError(
            f"{who}: expected a dict of dicts of arrays, none of them empty, received {type(panels).__name__} "
            f"{str(panels)[:60]}. Write {{'a panel': {{'a group': values}}}}."
        )
    checked: dict[str, dict[str, Array]] = {}
    for name, groups in panels.items():
        checked[name] = {}
        for label, values in groups.items():
            array = check_numbers(who, f"{label!r}", values)
            if array.ndim != rank or array.size == 0:
                raise ValueError(
                    f"{who}: expected {what} for {label!r} in {name!r}, received shape {array.shape}. "
                    f"Its shape has to have {count_of(rank, 'number')}."
                )
            checked[name][label] = array
    return checked


def _groups(panels: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of all groups, in the order of their first appearance."""
    return list(dict.fromkeys(label for groups in panels.values() for label in groups))
