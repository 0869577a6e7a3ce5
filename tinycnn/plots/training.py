"""Pictures of one training: its curves, and what goes on inside the layers meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from tinycnn.plots.common import (
    COLOURS,
    MARKERS,
    TRAINING,
    VALIDATION,
    Array,
    WhiteFigure,
    check_numbers,
    checked_run,
    format_quantity,
    own_style,
)
from tinycnn.plots.words import number, span


@own_style
def training_curves(history: Any, title: str = "Training curves", log_loss: bool = False) -> Figure:
    """Loss and accuracy of each epoch, side by side, in training and in validation.

    Training figures are means over an epoch in which the weights moved; validation is measured at its end. So the
    validation curve can lie on the better side without anything being wrong.

    Args:
        history: what ``fit`` returns, or its dict ``history``; or several runs, a dict of name -> history.
        title: stands above both.
        log_loss: whether the axis of the loss is logarithmic.

    Raises:
        TypeError: something else than a history or a dict of them.
        ValueError: no epochs, no "loss", or lists of different lengths.
    """
    runs = _runs(history)
    names = ["loss"]
    if any(key.endswith("accuracy") for run in runs.values() for key in run):
        names.append("accuracy")
    figure = WhiteFigure(figsize=(4.8 * len(names), 4), layout="constrained")
    figure.suptitle(title)
    few = max(len(run["loss"]) for run in runs.values()) <= 30
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for i, (label, run) in enumerate(runs.items()):
            for j, (key, part) in enumerate(((name, "training"), (f"val_{name}", "validation"))):
                if key not in run:
                    continue
                # One run: a colour for each part. Several: a colour for each run.
                colour = COLOURS[(i if len(runs) > 1 else j) % len(COLOURS)]
                axes.plot(
                    np.arange(1, len(run[key]) + 1),
                    run[key],
                    color=colour,
                    linestyle=(TRAINING, VALIDATION)[j],
                    marker=MARKERS[(i if len(runs) > 1 else j) % 5] if few else None,
                    markersize=3.5,
                    label=f"{label}, {part}" if label else part,
                )
        axes.set(title=name.capitalize(), xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        format_quantity(axes, name, log_loss)
    columns = min(max(len(runs), 2), 4)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    return figure


@own_style
def histograms_over_training(
    runs: Mapping[str, Mapping[str, Any]], steps: Any, xlabel: str, title: str | None = None, share_x: bool = True
) -> Figure:
    """How values are spread while networks learn: a row for each look, the first one on top; a column for each run.

    All heights are counts on one logarithmic axis, at the right: the zeros that a relu makes would leave nothing else
    to see. Where all values are one number, a bar stands there.

    Shapes:  of each run: counts (r, bins), edges (r, bins + 1);  steps (r,)

    Args:
        runs: by name what `tinycnn.inspection.Monitor` keeps of one layer, such as ``monitor.activations["dense"]``.
        steps: the number of the training step at each look: ``monitor.steps``.
        share_x: whether all columns have one scale.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no runs, or counts, edges and steps that do not fit each other.
    """
    who = "histograms_over_training"
    looks = np.atleast_1d(check_numbers(who, "steps", steps))
    if not runs or looks.size == 0:
        raise ValueError(
            f"{who}: expected at least one run and one step, received {len(runs)} and {looks.size}. "
            "Pass {'plain': monitor.activations['dense']} and monitor.steps."
        )
    checked = {name: _check_counts_and_edges(who, name, run, len(looks)) for name, run in runs.items()}
    highest = max(float(counts.max()) for counts, _ in checked.values())
    size = 1.7 + 2.5 * len(runs), 1.2 + 0.62 * len(looks)
    figure = WhiteFigure(figsize=size, layout="constrained", kind="Histograms")
    panels = figure.subplots(len(looks), len(runs), squeeze=False, sharex=True if share_x else "col", sharey=True)
    for j, (name, (counts, edges)) in enumerate(checked.items()):
        colour = COLOURS[j % len(COLOURS)]
        for i, axes in enumerate(panels[:, j]):
            if np.count_nonzero(counts[i]) > 1:
                axes.stairs(counts[i], edges[i], fill=True, color=colour, alpha=0.35)
                axes.stairs(counts[i], edges[i], color=colour, linewidth=1.2)
            elif counts[i].any():  # one number; its bins have a width that says nothing
                middle = (edges[i, 0] + edges[i, -1]) / 2
                axes.plot([middle, middle], [0, counts[i].max()], color=colour, linewidth=3)
            axes.spines["left"].set_visible(False)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.tick_params(axis="y", left=False, labelleft=False)
            axes.set_label("_")  # the one at the top tells of its column
        panels[0, j].set_title(name)
        panels[0, j].set_label(_told_looks(xlabel, looks, counts, edges))
        panels[-1, j].set_xlabel(xlabel)
    # Zero has a place, and a factor the same height wherever counts are large.
    panels[0, 0].set_yscale("function", functions=(np.log1p, np.expm1))
    panels[0, 0].set_ylim(0, np.expm1(1.15 * np.log1p(max(highest, 1))))
    decades = [10.0**k for k in range(9, -1, -1) if 10**k <= max(highest, 1)]
    shown = decades[:: -(-len(decades) // 3)] if len(decades) > 1 else [0, 1]  # three at most have room
    panels[0, 0].yaxis.set_major_locator(FixedLocator(shown))
    panels[0, 0].yaxis.set_major_formatter("{x:,.0f}")
    for axes in panels[:, -1]:
        axes.spines["right"].set_visible(True)
        axes.tick_params(axis="y", right=True, labelright=True, labelsize=8)
    panels[len(looks) // 2, -1].annotate(
        "count", (1, 0.5), (47, 0), "axes fraction", "offset points", rotation=90, ha="center", va="center", fontsize=8
    )
    for i, step in enumerate(looks):
        panels[i, 0].set_ylabel(f"{step:g}", rotation=0, ha="right", va="center")
    figure.supylabel("after training step", fontsize=10)
    if title:
        figure.suptitle(title)
    return figure


def _told_looks(xlabel: str, looks: Array, counts: Array, edges: Array) -> str:
    """Where the values lie at the first look and at the last."""
    told = [f"{xlabel}, counts up to {number(counts.max())}"]
    for i in dict.fromkeys((0, len(looks) - 1)):
        seen = np.flatnonzero(counts[i])
        centres = (edges[i, 1:] + edges[i, :-1]) / 2
        if len(seen) == 0:
            where = "no values"
        elif len(seen) == 1:
            where = f"all {number((edges[i, 0] + edges[i, -1]) / 2)}"
        else:
            most = number(centres[counts[i].argmax()])
            where = f"{span(edges[i, seen[0]], edges[i, seen[-1] + 1])}, most near {most}"
        told.append(f"after step {number(looks[i])}: {where}")
    return "; ".join(told)


def _runs(history: Any) -> dict[str, dict[str, Array]]:
    """One history or several, as a dict of name -> dict of arrays; the name of a single one is empty."""
    given = getattr(history, "history", history)
    if not isinstance(given, Mapping):
        raise TypeError(
            "training_curves: expected a History, its dict, or a dict of name -> History, "
            f"received {type(history).__name__}. Pass what model.fit returns."
        )
    several = bool(given) and all(isinstance(value, Mapping) or hasattr(value, "history") for value in given.values())
    if several:
        return {name: checked_run(f"training_curves: {name}", run) for name, run in given.items()}
    return {"": checked_run("training_curves", given)}


def _check_counts_and_edges(who: str, name: str, run: Mapping[str, Any], looks: int) -> tuple[Array, Array]:
    """(r, bins) and (r, bins + 1)"""
    counts, edges = (check_numbers(who, f"{key} of {name!r}", run.get(key, ())) for key in ("counts", "edges"))
    if counts.ndim != 2 or len(counts) != looks or edges.shape != (looks, counts.shape[1] + 1):
        raise ValueError(
            f"{who}: expected {name!r} to hold counts ({looks}, bins) and edges ({looks}, bins + 1), received shapes "
            f"{counts.shape} and {edges.shape}. Pass all of what a Monitor keeps of one layer, and its steps."
        )
    return counts, edges
