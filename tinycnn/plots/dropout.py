"""Pictures of what dropout does: masks, the scatter of masked predictions, doubt, shifted variances."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinycnn.plots.common import (
    BLUE,
    COLOURS,
    LEVELS,
    VERMILION,
    Array,
    WhiteFigure,
    check_count,
    check_images,
    check_numbers,
    count_of,
    frame_with,
    limits_of,
    name_log_ticks,
    own_style,
)
from tinycnn.plots.words import number, span


@own_style
def dropout_masks(image: Array, masks: Mapping[str, Array], title: str | None = None) -> Figure:
    """What masks leave of an image: a row for each name, with the values that are handed on; dropped ones are orange.

    Shapes:  image (h, w);  masks: for each name (k, h, w), the number that each value is multiplied by; as many k in
             each row

    Raises:
        TypeError: values that are not numbers.
        ValueError: an image that is not one, masks of another shape, rows of different lengths, no masks.
    """
    who = "dropout_masks"
    picture = check_numbers(who, "the image", image)
    if picture.ndim != 2 or picture.size == 0:
        raise ValueError(f"{who}: expected an image of shape (h, w), received {picture.shape}. Pass image[:, :, 0].")
    rows = {name: check_numbers(who, f"the masks of {name!r}", values) for name, values in masks.items()}
    shapes = {values.shape for values in rows.values()}
    if len(shapes) != 1 or {shape[1:] for shape in shapes} != {picture.shape}:
        raise ValueError(
            f"{who}: expected masks of shape (k, {picture.shape[0]}, {picture.shape[1]}) with one k for all names, "
            f"received {', '.join(map(str, sorted(shapes))) or 'none'}. Draw as many masks for each."
        )
    ((k, h, w),) = shapes
    dropped = [f"{name}: {number(100 * (values == 0).mean())} % dropped" for name, values in rows.items()]
    colours = colormaps["gray_r"].with_extremes(bad="#F5BE8C")
    highest = max(float((picture * values).max()) for values in rows.values())
    norm = Normalize(0, highest or 1.0)
    figure = WhiteFigure(figsize=(max(1.3 * k * w / h + 2, 4.5), 1.3 * len(rows) + 0.6), layout="constrained")
    figure.suptitle(title or "What dropout hands on (orange: dropped)")
    axes = figure.subplots()  # one for all, as in `_map_grid`
    axes.set_label("; ".join([f"{count_of(k, 'mask')} of {h}×{w} each", *dropped]))
    for row, values in enumerate(rows.values()):
        for column, mask in enumerate(values):
            top, left = 1.1 * h * row, 1.1 * w * column
            handed_on = np.ma.masked_where(mask == 0, picture * mask)
            axes.imshow(handed_on, cmap=colours, norm=norm, extent=(left, left + w, top + h, top))
            axes.add_patch(Rectangle((left, top), w, h, fill=False, edgecolor="#999999", linewidth=0.6))
    for row, name in enumerate(rows):
        axes.text(-0.06 * w, (1.1 * row + 0.5) * h, name, ha="right", va="center")
    beside = 0.09 * w * max(map(len, rows))  # room for the names
    axes.set(xlim=(-beside, (1.1 * k - 0.08) * w), ylim=((1.1 * len(rows) - 0.08) * h, -0.02 * h))
    axes.set_axis_off()
    figure.colorbar(ScalarMappable(norm, "gray_r"), ax=axes, label="value handed on", shrink=0.9, aspect=25)
    return figure


@own_style
def prediction_samples(
    images: Array,
    samples: Array,
    unmasked: Any = None,
    captions: Sequence[str] | None = None,
    columns: int = 2,
    title: str | None = None,
) -> Figure:
    """Many predictions for each image: a dot for each, a bar for their mean, a diamond for the one without a mask.

    Shapes:  images (n, h, w) or (n, h, w, 1);  samples (count, n, classes) probabilities;  unmasked (n, classes)

    Args:
        captions: a line above each image.
        columns: images side by side.

    Raises:
        TypeError: values that are not numbers.
        ValueError: wrong shapes, or another number of captions.
    """
    who = "prediction_samples"
    images = check_images(who, images)
    draws = check_numbers(who, "samples", samples)
    n = len(images)
    if draws.ndim != 3 or draws.shape[1] != n or draws.size == 0:
        raise ValueError(
            f"{who}: expected samples of shape (count, {n}, classes), received {draws.shape}. "
            "Stack the predictions: np.stack([...])."
        )
    single = None if unmasked is None else check_numbers(who, "unmasked", unmasked)
    if single is not None and single.shape != draws.shape[1:]:
        raise ValueError(
            f"{who}: expected unmasked of shape {draws.shape[1:]}, received {single.shape}. Predict the same images."
        )
    _check_captions(who, captions, n)
    columns = min(check_count(who, columns, n), n)
    rows = math.ceil(n / columns)
    figure = WhiteFigure(figsize=(4.6 * columns, 1.75 * rows + 0.9), kind="Images with bars", layout="constrained")
    figure.suptitle(title or f"{len(draws)} masked predictions for each image")
    grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[1, 2.6] * columns)
    classes = np.arange(draws.shape[2])
    jitter = np.linspace(-0.28, 0.28, len(draws))
    low, high = limits_of(images)
    handles: list[Any] = []
    for i in range(n):
        row, column = divmod(i, columns)
        left = figure.add_subplot(grid[row, 2 * column])
        left.imshow(images[i], cmap="gray_r", vmin=low, vmax=high)
        frame_with(left, "#999999", 0.6)
        left.set_label("_")
        axes = figure.add_subplot(grid[row, 2 * column + 1])
        bars = axes.bar(classes, draws[:, i].mean(axis=0), 0.72, color="#56B4E9", alpha=0.55)
        dots = axes.plot(
            (classes[:, None] + jitter).ravel(), draws[:, i].T.ravel(), ".", color=BLUE, markersize=2.5, alpha=0.7
        )
        handles = [dots[0], bars]
        if single is not None:
            handles += axes.plot(
                classes, single[i], "D", color=VERMILION, markersize=5, markerfacecolor="none", markeredgewidth=1.4
            )
        axes.set_label(_told_prediction(draws[:, i], None if single is None else single[i]))
        axes.set(ylim=(-0.04, 1.04), xticks=classes, yticks=(0, 0.5, 1))
        axes.grid(False, axis="x")
        if column == 0:
            axes.set_ylabel("probability")
        if i + columns >= n:
            axes.set_xlabel("class")
        if captions is not None:
            axes.set_title(captions[i], fontsize=9, pad=4)
    names = ["one masked prediction", "their mean", "without a mask"]
    figure.legend(handles, names[: len(handles)], loc="outside lower center", ncols=3)
    return figure


@own_style
def uncertainty_bars(
    images: Array, noise: Any, disagreement: Any, captions: Sequence[str] | None = None, title: str = "Uncertainty"
) -> Figure:
    """The uncertainty of many predictions for each image, in two parts, as bars with the image below.

    Math:    total H(mean p) = noise mean H(p) + disagreement, with the entropy H(p) = −Σ p log₂ p in bits
    Shapes:  images (n, h, w) or (n, h, w, 1);  noise, disagreement (n,)

    Args:
        captions: a line or two below each image.

    Raises:
        TypeError: values that are not numbers.
        ValueError: wrong shapes, or another number of captions.
    """
    who = "uncertainty_bars"
    images = check_images(who, images)
    n = len(images)
    parts = {
        "noise": check_numbers(who, "noise", noise),
        "disagreement": check_numbers(who, "disagreement", disagreement),
    }
    for name, values in parts.items():
        if values.shape != (n,):
            raise ValueError(
                f"{who}: expected {name} of shape ({n},), received {values.shape}. Give one for each image."
            )
    _check_captions(who, captions, n)
    figure = WhiteFigure(figsize=(max(0.95 * n + 1, 5), 4.2), kind="Stacked bars", layout="constrained")
    figure.suptitle(title)
    grid = figure.add_gridspec(2, n, height_ratios=(2.4, 1))
    axes = figure.add_subplot(grid[0, :])
    places = np.arange(n)
    axes.bar(places, parts["noise"], 0.62, color=COLOURS[4], label="each masked network's own doubt")
    axes.bar(
        places, parts["disagreement"], 0.62, bottom=parts["noise"], color=VERMILION, hatch="///", edgecolor="white",
        linewidth=0, label="their disagreement",
    )  # fmt: skip
    axes.set(xlim=(-0.5, n - 0.5), xticks=[], ylabel="uncertainty (bits)")
    axes.grid(False, axis="x")
    axes.set_label("; ".join(_told_doubts(parts, captions)))
    low, high = limits_of(images)
    for i in range(n):
        below = figure.add_subplot(grid[1, i])
        below.imshow(images[i], cmap="gray_r", vmin=low, vmax=high)
        frame_with(below, "#999999", 0.6)
        below.set_label("_")
        if captions is not None:
            below.set_xlabel(captions[i], fontsize=8.5)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@own_style
def variance_shift(layers: Mapping[str, Any], title: str = "Variance before batch normalization") -> Figure:
    """The variance of each channel in training beside that in inference, a panel for each layer.

    On the diagonal the two are equal; below it, inference sees less variance than training did.

    Args:
        layers: for each name (training, inference), the variances of the channels, each of shape (channels,).

    Raises:
        TypeError: values that are not numbers.
        ValueError: no layers, two lists of different lengths, no channel that varies.
    """
    who = "variance_shift"
    if not layers:
        raise ValueError(f"{who}: expected at least one layer, received none. Pass a dict of name -> two arrays.")
    figure = WhiteFigure(figsize=(3.4 * len(layers) + 0.4, 3.9), kind="Points", layout="constrained")
    figure.suptitle(title)
    for axes, (name, (training, inference)) in zip(
        figure.subplots(1, len(layers), squeeze=False)[0], layers.items(), strict=True
    ):
        x, y = (
            check_numbers(who, f"training of {name!r}", training),
            check_numbers(who, f"inference of {name!r}", inference),
        )
        if x.ndim != 1 or x.shape != y.shape or not ((x > 0) & (y > 0)).any():
            raise ValueError(
                f"{who}: expected two lists of positive variances of one length for {name!r}, received shapes "
                f"{x.shape} and {y.shape}. Measure both on the same channels."
            )
        alive = (x > 0) & (y > 0)  # dead channels have no place on these axes
        limits = 0.7 * min(x[alive].min(), y[alive].min()), 1.4 * max(x[alive].max(), y[alive].max())
        axes.plot(limits, limits, color="#444444", linestyle=LEVELS[0], linewidth=1.4, label="equal")
        axes.plot(x[alive], y[alive], "o", color=BLUE, markersize=4.5, alpha=0.75, label="a channel")
        axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal", title=name, xlabel="in training")
        name_log_ticks(axes.xaxis, axes.yaxis)
    figure.axes[0].set_ylabel("in inference")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _told_prediction(samples: Array, unmasked: Array | None) -> str:
    """The class that has most on average, how far its samples reach, and what is predicted without a mask."""
    mean = samples.mean(axis=0)
    best = int(mean.argmax())
    reach = span(samples[:, best].min(), samples[:, best].max())
    told = f"class {best} has most: mean {number(mean[best])}, samples {reach}"
    if unmasked is None:
        return told
    return f"{told}, without a mask class {int(unmasked.argmax())} with {number(unmasked.max())}"


def _told_doubts(parts: Mapping[str, Array], captions: Sequence[str] | None) -> list[str]:
    """How many images there are, and both parts of the uncertainty of each."""
    names = [f"image {i}" for i in range(1, len(parts["noise"]) + 1)] if captions is None else captions
    pairs = zip(names, parts["noise"], parts["disagreement"], strict=True)
    told = [
        f"{' '.join(name.split())}: {number(noise)} and {number(disagreement)}" for name, noise, disagreement in pairs
    ]
    return [f"{count_of(len(told), 'image')}, bits of the networks' own doubt and of their disagreement", *told]


def _check_captions(who: str, captions: Sequence[str] | None, n: int) -> None:
    if captions is not None and len(captions) != n:
        raise ValueError(
            f"{who}: expected {count_of(n, 'caption')}, received {len(captions)}. Give one for each image."
        )
