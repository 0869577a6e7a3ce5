"""Pictures of training and of what a network has learned: functions that return a matplotlib Figure.

``figure.savefig("curves.png")`` stores one; in a notebook it shows itself as the last line of a cell. The figures
do not belong to pyplot: no window opens, nothing has to be closed, and the user's settings stay as they are.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

Array = np.ndarray
# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), told apart by the colour-blind too.
BLUE, VERMILION = "#0072B2", "#D55E00"
COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
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
_own_style = style.context(["default", _STYLE])


class _Figure(Figure):
    """A Figure that notebooks show, and that stays white when it is saved under a dark style."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()

    def savefig(self, fname: Any, **options: Any) -> None:
        super().savefig(fname, **{"facecolor": "white", "dpi": 150, **options})


@_own_style
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
    figure = _Figure(figsize=(4.8 * len(names), 4), layout="constrained")
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
                    linestyle=("-", "--")[j],
                    marker=("o", "s")[j] if few else None,
                    markersize=3.5,
                    label=f"{label}, {part}" if label else part,
                )
        axes.set(title=name.capitalize(), xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _format_quantity(axes, name, log_loss)
    columns = min(max(len(runs), 2), 4)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    return figure


@_own_style
def compare_curves(models: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Figure:
    """The same trainings by several hands: a column a model, a colour a hand; losses above, accuracies below.

    Dashed lines are means over an epoch of training, in which the weights moved; solid ones validation at its end.

    Args:
        models: name of a model -> name of a run -> its history, or the dict of one.
        title: stands above all.

    Raises:
        TypeError: histories that are none.
        ValueError: no model, or a history without the loss of an epoch.
    """
    who = "compare_curves"
    columns = {
        model: {name: _run(f"{who}: {model}, {name}", run) for name, run in runs.items()}
        for model, runs in models.items()
    }
    if not any(columns.values()):
        raise ValueError(f"{who}: expected the runs of at least one model, received none. Pass a dict of dicts.")
    figure = _Figure(figsize=(3.5 * len(columns) + 0.5, 6.4), layout="constrained")
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
            style_of = {"color": COLOURS[i % len(COLOURS)], "linestyle": "-" if part else "--"}
            epochs = np.arange(1, len(run[part + key]) + 1)
            (line,) = axes.plot(epochs, run[part + key], marker="os^Dv"[i % 5], markersize=3.5, **style_of)
            handles.setdefault(f"{name}, {'validation' if part else 'training'}", line)
        column[0].set(title=model, yscale="log")
        column[1].set(xlabel="epoch")
    for axes, label in zip(panels[:, 0], ("loss", "accuracy"), strict=True):
        axes.set_ylabel(label)
    for axes in panels[0]:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    panels[1, 0].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    panels[1, 0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=min(len(names), 4))
    return figure


@_own_style
def sample_images(
    images: Array, labels: Any = None, predictions: Any = None, count: int = 25, title: str | None = None
) -> Figure:
    """The first ``count`` images in a grid; with labels and predictions, the wrong ones are framed and marked ✗.

    Shapes:  images (n, h, w), (n, h, w, 1) or (n, h, w, 3);  labels, predictions (n,) class numbers, or (n, classes)
             one-hot labels or probabilities

    Raises:
        TypeError: values that are not numbers.
        ValueError: no images, wrong shapes, different lengths, or a ``count`` below 1.
    """
    who = "sample_images"
    images = _check_images(who, images)
    truth = None if labels is None else _check_classes(who, "labels", labels, len(images))
    guesses = None if predictions is None else _check_classes(who, "predictions", predictions, len(images))
    count = _check_count(who, count, len(images))
    texts, wrong = [], np.zeros(count, bool)
    for i in range(count):
        text = "" if truth is None else str(truth[i])
        if guesses is not None:
            text = str(guesses[i])
            if truth is not None and guesses[i] != truth[i]:
                text, wrong[i] = f"✗ {guesses[i]}, is {truth[i]}", True
        texts.append(text)
    return _image_grid(images[:count], texts, wrong, title or _title_of_samples(truth, guesses, wrong))


@_own_style
def misclassified(images: Array, labels: Any, probabilities: Any, count: int = 25, title: str | None = None) -> Figure:
    """The mistakes, those made with most confidence first: what was written, what was read, how sure.

    Confidence is the probability of the class that was predicted.

    Shapes:  images (n, h, w), (n, h, w, 1) or (n, h, w, 3);  labels (n,) or one-hot (n, classes);
             probabilities (n, classes), as ``predict`` returns them

    Raises:
        TypeError: values that are not numbers.
        ValueError: no images, wrong shapes, different lengths, or a ``count`` below 1.
    """
    who = "misclassified"
    images = _check_images(who, images)
    truth = _check_classes(who, "labels", labels, len(images))
    shares = _check_numbers(who, "probabilities", probabilities)
    if shares.ndim != 2:
        raise ValueError(
            f"{who}: expected probabilities of shape ({len(images)}, classes), received shape {shares.shape}. "
            "Pass what model.predict(images) returns."
        )
    guesses = _check_classes(who, "probabilities", shares, len(images))
    confidence = shares.max(axis=1)
    mistakes = np.flatnonzero(guesses != truth)
    if len(mistakes) == 0:
        figure = _Figure(figsize=(5, 2), layout="constrained")
        figure.text(0.5, 0.5, f"No mistakes in {_number(len(images), 'image')}", ha="center", va="center")
        return figure
    order = mistakes[np.argsort(-confidence[mistakes], kind="stable")]
    order = order[: _check_count(who, count, len(order))]
    texts = [f"true {truth[i]}\npredicted {guesses[i]}, {_percent(confidence[i])}" for i in order]
    if title is None:
        shown = "" if len(order) == len(mistakes) else f", the {len(order)} most confident"
        title = f"{_number(len(mistakes), 'mistake')} in {_number(len(images), 'image')}{shown}"
    return _image_grid(images[order], texts, np.zeros(len(order), bool), title)


@_own_style
def confusion_matrix(labels: Any, predictions: Any, classes: Any = None, title: str | None = None) -> Figure:
    """How often each class (row) was read as each class (column).

    Colours show the mistakes only: beside the diagonal, where most of a good network's counts stand, they would
    all look alike.

    Shapes:  labels, predictions (n,) class numbers, or (n, classes) one-hot labels or probabilities

    Args:
        classes: names of the classes, by default their numbers.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no labels, wrong shapes, different lengths, negative class numbers, or too few names.
    """
    who = "confusion_matrix"
    truth = _check_classes(who, "labels", labels)
    guesses = _check_classes(who, "predictions", predictions, len(truth))
    n = int(max(truth.max(), guesses.max())) + 1
    for values in (np.asarray(labels), np.asarray(predictions)):
        n = max(n, values.shape[1] if values.ndim == 2 else 0)
    if classes is not None and len(classes) < n:
        raise ValueError(f"{who}: expected names of at least {n} classes, received {len(classes)}. Name them all.")
    names = [str(name) for name in (range(n) if classes is None else classes)]
    n = len(names)
    counts = np.zeros((n, n), int)
    np.add.at(counts, (truth, guesses), 1)
    correct = int(np.trace(counts))
    mistakes = counts - np.diag(np.diag(counts))

    size = max(4.5, 0.5 * n + 1.8)
    figure = _Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    highest = max(int(mistakes.max()), 1)
    picture = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=highest)
    for i in range(n):
        for j in range(n):
            if i == j:
                axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, facecolor="#E8E8E8"))
            dark = i != j and mistakes[i, j] > 0.6 * highest
            colour = "white" if dark else "#BBBBBB" if counts[i, j] == 0 else "black"
            weight = "bold" if i == j else "normal"
            axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color=colour, fontsize=9, weight=weight)
    rotation = 45 if max(map(len, names)) > 3 else 0
    axes.set_xticks(range(n), names, rotation=rotation, ha="right" if rotation else "center")
    axes.set_yticks(range(n), names)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, label="mistakes")
    bar.locator = MaxNLocator(integer=True, min_n_ticks=1)
    bar.update_ticks()
    axes.set_title(title or f"{correct:,} of {len(truth):,} correct ({correct / len(truth):.2%})".replace("%", " %"))
    return figure


@_own_style
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
    rows = {name: np.atleast_1d(_check_numbers(who, name, row)).astype(float) for name, row in values.items()}
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
    figure = _Figure(figsize=(7.2, 0.9 + 0.36 * len(rows)), layout="constrained")
    axes = figure.subplots()
    if log:
        axes.plot(medians, places, "o", color=BLUE, markersize=7)
    else:
        axes.barh(places, medians, height=0.62, color=BLUE)
    for place, row, median, end in zip(places, rows.values(), medians, ends, strict=True):
        axes.plot([row.min(), end], [place, place], color="black", linewidth=1.2)
        axes.annotate(f"{median:.3g}", (end, place), xytext=(7, 0), textcoords="offset points", va="center")
    low, high = min(float(row.min()) for row in rows.values()), max(ends)
    if log:
        axes.set(xscale="log", xlim=(low / (high / low) ** 0.05 / 1.2, high * (high / low) ** 0.12 * 1.5))
        axes.xaxis.set_major_locator(LogLocator())
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, 1.15 * high or 1)
    axes.set(xlabel=label, ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(places, list(rows))
    axes.grid(visible=False, axis="y")
    if title:
        figure.suptitle(title)
    return figure


@_own_style
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
    figure = _Figure(figsize=(7.2, 4.4 + 0.22 * math.ceil(len(points) / 2)), layout="constrained")
    axes = figure.subplots()
    axes.plot([left, edge, right], [left * bandwidth, peak, peak], color="black", linewidth=1.6)
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
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.set_title(title or "What memory and arithmetic allow")
    figure.legend(loc="outside lower center", ncols=2 if max(map(len, points)) <= 36 else 1)
    return figure


@_own_style
def kernels(layer: Any, channel: int = 0, title: str | None = None) -> Figure:
    """The kernels of a convolution, one small picture a filter, in a scale that is symmetric around zero.

    Where a kernel is positive (red) the filter wants ink, where it is negative (blue) it wants paper.

    Shapes:  kernel (kh, kw, channels, filters), (kh, kw, filters), or a built layer that has one

    Args:
        layer: a `Conv2D`, or the array itself.
        channel: which of the input's channels to show.

    Raises:
        TypeError: neither a layer with a kernel nor an array.
        ValueError: a layer that is not built, an array of another rank, NaN or infinity, a channel that is not there.
    """
    who = "kernels"
    values = _kernel_of(who, layer)
    if not isinstance(channel, (int, np.integer)) or not 0 <= channel < values.shape[2]:
        raise ValueError(
            f"{who}: expected a channel from 0 to {values.shape[2] - 1}, received {channel!r}. Choose one of them."
        )
    pictures = values[:, :, channel, :].transpose(2, 0, 1)  # (filters, kh, kw)
    if title is None:
        kh, kw, channels, filters = values.shape
        name = getattr(layer, "name", "")
        title = f"{_number(filters, 'kernel')} of {kh}×{kw}" + (f" in {name}" if name else "")
        title += f", input channel {channel} of {channels}" if channels > 1 else ""
    limit = float(np.abs(values).max()) or 1.0
    return _map_grid(pictures, "RdBu_r", Normalize(-limit, limit), "weight", title)


@_own_style
def feature_maps(model: Any, image: Any, layer: Any = None, count: int = 64, title: str | None = None) -> Figure:
    """What a layer makes of one image: a small picture a channel, beside the image itself.

    Shapes:  image (h, w), (h, w, c) or (1, h, w, c), scaled as for training

    Args:
        model: a built `Sequential`.
        layer: one of its layers, a name, or an index; by default the first one.
        count: how many channels to show at most.

    Raises:
        TypeError: values that are not numbers.
        RuntimeError: a model that is not built.
        ValueError: an image of another shape, a layer that is not in the model or whose output is no image.
    """
    who = "feature_maps"
    if not model.built:
        raise RuntimeError(
            f"{who}: expected a model that is built, {model.name!r} is not. Call model.build((None, 28, 28, 1)) first."
        )
    x = _check_numbers(who, "image", image)
    sizes = model.layers[0].input_shape[1:]
    if x.shape not in ((1, *sizes), tuple(sizes)) and (*x.shape, 1) != tuple(sizes):
        raise ValueError(
            f"{who}: expected one image of shape {tuple(sizes)}, received shape {x.shape}. Pass images[0], for example."
        )
    x = x.reshape(1, *sizes)
    chosen = _find_layer(who, model, layer)
    if len(chosen.output_shape) != 4:
        raise ValueError(
            f"{who}: expected a layer whose output is an image, received {chosen.name!r} with output shape "
            f"{chosen.output_shape}. Choose a convolution or a pooling."
        )
    maps = x
    for one in model.layers[: model.layers.index(chosen) + 1]:
        maps = one.forward(maps)
    _check_numbers(who, "activations", maps)
    pictures = maps[0].transpose(2, 0, 1)  # (channels, h, w)
    shown = _check_count(who, count, len(pictures))
    if title is None:
        some = "" if shown == len(pictures) else f", the first {shown}"
        title = f"{_number(len(pictures), 'feature map')} of {chosen.name}{some}"
    low, high = float(pictures.min()), float(pictures.max())
    if low < 0:
        limit = max(-low, high)
        colours, norm = "RdBu_r", Normalize(-limit, limit)
    else:
        colours, norm = "viridis", Normalize(0, high or 1.0)
    return _map_grid(pictures[:shown], colours, norm, "activation", title, original=x[0])


@_own_style
def dropout_masks(image: Array, masks: Mapping[str, Array], title: str | None = None) -> Figure:
    """What masks leave of an image: a row for each name, with the values that are handed on; dropped ones are orange.

    Shapes:  image (h, w);  masks: for each name (k, h, w), the number that each value is multiplied by; as many k in
             each row

    Raises:
        TypeError: values that are not numbers.
        ValueError: an image that is not one, masks of another shape, rows of different lengths, no masks.
    """
    who = "dropout_masks"
    picture = _check_numbers(who, "the image", image)
    if picture.ndim != 2 or picture.size == 0:
        raise ValueError(f"{who}: expected an image of shape (h, w), received {picture.shape}. Pass image[:, :, 0].")
    rows = {name: _check_numbers(who, f"the masks of {name!r}", values) for name, values in masks.items()}
    shapes = {values.shape for values in rows.values()}
    if len(shapes) != 1 or {shape[1:] for shape in shapes} != {picture.shape}:
        raise ValueError(
            f"{who}: expected masks of shape (k, {picture.shape[0]}, {picture.shape[1]}) with one k for all names, "
            f"received {', '.join(map(str, sorted(shapes))) or 'none'}. Draw as many masks for each."
        )
    ((k, h, w),) = shapes
    colours = colormaps["gray_r"].with_extremes(bad="#F5BE8C")
    highest = max(float((picture * values).max()) for values in rows.values())
    norm = Normalize(0, highest or 1.0)
    figure = _Figure(figsize=(max(1.3 * k * w / h + 2, 4.5), 1.3 * len(rows) + 0.6), layout="constrained")
    figure.suptitle(title or "What dropout hands on (orange: dropped)")
    axes = figure.subplots()  # one for all, as in `_map_grid`
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


@_own_style
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
    images = _check_images(who, images)
    draws = _check_numbers(who, "samples", samples)
    n = len(images)
    if draws.ndim != 3 or draws.shape[1] != n or draws.size == 0:
        raise ValueError(
            f"{who}: expected samples of shape (count, {n}, classes), received {draws.shape}. "
            "Stack the predictions: np.stack([...])."
        )
    single = None if unmasked is None else _check_numbers(who, "unmasked", unmasked)
    if single is not None and single.shape != draws.shape[1:]:
        raise ValueError(
            f"{who}: expected unmasked of shape {draws.shape[1:]}, received {single.shape}. Predict the same images."
        )
    _check_captions(who, captions, n)
    columns = min(_check_count(who, columns, n), n)
    rows = math.ceil(n / columns)
    figure = _Figure(figsize=(4.6 * columns, 1.75 * rows + 0.9), layout="constrained")
    figure.suptitle(title or f"{len(draws)} masked predictions for each image")
    grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[1, 2.6] * columns)
    classes = np.arange(draws.shape[2])
    jitter = np.linspace(-0.28, 0.28, len(draws))
    low, high = _limits(images)
    handles: list[Any] = []
    for i in range(n):
        row, column = divmod(i, columns)
        left = figure.add_subplot(grid[row, 2 * column])
        left.imshow(images[i], cmap="gray_r", vmin=low, vmax=high)
        _frame(left, "#999999", 0.6)
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


@_own_style
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
        lines: (x, y) for each name, x (n,), y (n,) or (runs, n).
        levels: a height for each name, drawn dashed.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no lines, or an x and a y of different lengths.
    """
    who = "line_chart"
    if not lines:
        raise ValueError(f"{who}: expected at least one line, received none. Pass a dict of name -> (x, y).")
    figure = _Figure(figsize=(6.2, 4), layout="constrained")
    axes = figure.subplots()
    for i, (name, (given_x, given_y)) in enumerate(lines.items()):
        x, y = _check_numbers(who, f"x of {name!r}", given_x), _check_numbers(who, f"y of {name!r}", given_y)
        if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[-1:] != x.shape or y.size == 0:
            raise ValueError(
                f"{who}: expected x and y of {name!r} as two lists of one length, received shapes {x.shape} and "
                f"{y.shape}. Give a height for each place."
            )
        marker = "osD^vP"[i % 6] if len(x) <= 30 else None
        colour, several = COLOURS[i % len(COLOURS)], np.atleast_2d(y)
        axes.plot(x, np.median(several, axis=0), color=colour, marker=marker, markersize=4, label=name)
        if len(several) > 1:
            axes.fill_between(x, several.min(axis=0), several.max(axis=0), color=colour, alpha=0.18, linewidth=0)
    for i, (name, height) in enumerate((levels or {}).items()):
        axes.axhline(height, color="#444444", linestyle=("--", ":")[i % 2], linewidth=1.4, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        places = np.unique(np.concatenate([np.asarray(x) for x, _ in lines.values()]))
        if len(places) <= 10:
            axes.set_xticks(places, [f"{place:g}" for place in places])
            axes.minorticks_off()
    if log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    figure.legend(loc="outside lower center", ncols=min(3, len(lines) + len(levels or {})))
    return figure


@_own_style
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
    figure = _Figure(figsize=(3.1 * len(columns) + 0.6, 5.6), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(2, len(columns), sharex=True, sharey="row", squeeze=False)
    handles: dict[str, Any] = {}
    for (loss, error), (name, runs) in zip(panels.T, columns.items(), strict=True):
        for i, (model, figures) in enumerate(runs.items()):
            step = _check_numbers(who, f"steps of {model!r}", figures["step"])
            for part, axes, line in (
                ("training", loss, "-"),
                ("validation", loss, "--"),
                ("accuracy", error, "--"),
            ):
                values = _check_numbers(who, f"{part} of {model!r}", figures[part])
                if values.ndim != 2 or values.shape[1:] != step.shape or values.size == 0:
                    raise ValueError(
                        f"{who}: expected {part} of {model!r} in {name!r} of shape (runs, {step.size}), received "
                        f"{values.shape}. Give each run's figure at each step."
                    )
                shown = np.maximum(values if axes is loss else 1 - values, 1e-6)
                colour = COLOURS[i % len(COLOURS)]
                (drawn,) = axes.plot(
                    step, shown.mean(axis=0), line, color=colour, marker=("o", "s")[line == "--"], markersize=3
                )
                axes.fill_between(step, shown.min(axis=0), shown.max(axis=0), color=colour, alpha=0.2, linewidth=0)
                if axes is loss:
                    handles.setdefault(f"{model}, {part}", drawn)
        loss.set(title=name, xscale="log", yscale="log")
        error.set(xlabel="step", xscale="log", yscale="log")
        error.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        error.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        error.yaxis.set_minor_formatter(NullFormatter())
    panels[0, 0].set_ylabel("loss")
    panels[1, 0].set_ylabel("validation error")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2)
    return figure


@_own_style
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
    images = _check_images(who, images)
    n = len(images)
    parts = {
        "noise": _check_numbers(who, "noise", noise),
        "disagreement": _check_numbers(who, "disagreement", disagreement),
    }
    for name, values in parts.items():
        if values.shape != (n,):
            raise ValueError(
                f"{who}: expected {name} of shape ({n},), received {values.shape}. Give one for each image."
            )
    _check_captions(who, captions, n)
    figure = _Figure(figsize=(max(0.95 * n + 1, 5), 4.2), layout="constrained")
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
    low, high = _limits(images)
    for i in range(n):
        below = figure.add_subplot(grid[1, i])
        below.imshow(images[i], cmap="gray_r", vmin=low, vmax=high)
        _frame(below, "#999999", 0.6)
        if captions is not None:
            below.set_xlabel(captions[i], fontsize=8.5)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@_own_style
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
    figure = _Figure(figsize=(3.4 * len(layers) + 0.4, 3.9), layout="constrained")
    figure.suptitle(title)
    for axes, (name, (training, inference)) in zip(
        figure.subplots(1, len(layers), squeeze=False)[0], layers.items(), strict=True
    ):
        x, y = (
            _check_numbers(who, f"training of {name!r}", training),
            _check_numbers(who, f"inference of {name!r}", inference),
        )
        if x.ndim != 1 or x.shape != y.shape or not ((x > 0) & (y > 0)).any():
            raise ValueError(
                f"{who}: expected two lists of positive variances of one length for {name!r}, received shapes "
                f"{x.shape} and {y.shape}. Measure both on the same channels."
            )
        alive = (x > 0) & (y > 0)  # dead channels have no place on these axes
        limits = 0.7 * min(x[alive].min(), y[alive].min()), 1.4 * max(x[alive].max(), y[alive].max())
        axes.plot(limits, limits, color="#444444", linestyle="--", linewidth=1, label="equal")
        axes.plot(x[alive], y[alive], "o", color=BLUE, markersize=4.5, alpha=0.75, label="a channel")
        axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal", title=name, xlabel="in training")
    figure.axes[0].set_ylabel("in inference")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@_own_style
def histograms_over_training(
    runs: Mapping[str, Mapping[str, Any]], steps: Any, xlabel: str, title: str | None = None, share_x: bool = True
) -> Figure:
    """How values are spread while networks learn: a row for each look, the first one on top; a column for each run.

    Heights are logarithms of counts: the zeros that a relu makes would leave nothing else to see. Where all values are
    one number, a bar stands there.

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
    looks = np.atleast_1d(_check_numbers(who, "steps", steps))
    if not runs or looks.size == 0:
        raise ValueError(
            f"{who}: expected at least one run and one step, received {len(runs)} and {looks.size}. "
            "Pass {'plain': monitor.activations['dense']} and monitor.steps."
        )
    figure = _Figure(figsize=(1.2 + 2.5 * len(runs), 1.2 + 0.62 * len(looks)), layout="constrained")
    panels = figure.subplots(len(looks), len(runs), squeeze=False, sharex=True if share_x else "col")
    for j, (name, run) in enumerate(runs.items()):
        counts, edges = _check_counts_and_edges(who, name, run, len(looks))
        colour = COLOURS[j % len(COLOURS)]
        for i, axes in enumerate(panels[:, j]):
            if np.count_nonzero(counts[i]) > 1:
                heights = np.log1p(counts[i]) / np.log1p(counts[i].max())
                axes.stairs(heights, edges[i], fill=True, color=colour, alpha=0.35)
                axes.stairs(heights, edges[i], color=colour, linewidth=1.2)
            elif counts[i].any():  # one number; its bins have a width that says nothing
                axes.axvline((edges[i, 0] + edges[i, -1]) / 2, ymax=1 / 1.1, color=colour, linewidth=3)
            axes.set_ylim(0, 1.1)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.xaxis.set_major_locator(MaxNLocator(4))
        panels[0, j].set_title(name)
        panels[-1, j].set_xlabel(xlabel)
    for i, step in enumerate(looks):
        panels[i, 0].set_ylabel(f"{step:g}", rotation=0, ha="right", va="center")
    figure.supylabel("after training step", fontsize=10)
    if title:
        figure.suptitle(title)
    return figure


@_own_style
def seed_bands(
    panels: Mapping[str, Mapping[str, Any]],
    ylabel: str | Sequence[str],
    log_loss: bool = False,
    title: str | None = None,
) -> Figure:
    """Runs that differ in their seed alone: a line for the mean of each group, a band from its lowest to its highest.

    Where the bands of two groups overlap, a single run of each could have come out either way round.

    Shapes:  each group's curves (seeds, epochs)

    Args:
        panels: title of a panel -> name of a group -> its curves. A group has the same colour in every panel.
        ylabel: what is measured: one word for all panels, which then share their axis, or one for each.
        log_loss: whether axes of a loss are logarithmic.
        title: stands above all.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no panels, no groups, curves that are no table of seeds and epochs, labels for other panels.
    """
    who = "seed_bands"
    checked = _check_panels(who, panels, 2, "a table of seeds and epochs")
    ylabels = [ylabel] * len(checked) if isinstance(ylabel, str) else list(ylabel)
    if len(ylabels) != len(checked):
        raise ValueError(
            f"{who}: expected a ylabel for each of {_number(len(checked), 'panel')}, received {len(ylabels)}. "
            "Pass one word for all, or as many as there are panels."
        )
    groups = _groups(checked)
    figure = _Figure(figsize=(max(3.6 * len(checked), 5), 3.9), layout="constrained")
    figure.suptitle(title or "")
    handles = {}
    axes_of_panels = figure.subplots(1, len(checked), squeeze=False, sharey=isinstance(ylabel, str))[0]
    for axes, (name, curves_of), quantity in zip(axes_of_panels, checked.items(), ylabels, strict=True):
        for label, curves in curves_of.items():
            i = groups.index(label)
            colour = COLOURS[i % len(COLOURS)]
            epochs = np.arange(1, curves.shape[1] + 1)
            axes.fill_between(epochs, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.18, linewidth=0)
            (handles[label],) = axes.plot(
                epochs,
                curves.mean(axis=0),
                color=colour,
                linestyle=("-", "--", "-.", ":")[i % 4],
                marker="os^D"[i % 4] if len(epochs) <= 30 else None,
                markersize=4,
            )
        axes.set(title=name, xlabel="epoch", ylabel=quantity)
        axes.label_outer(remove_inner_ticks=False) if isinstance(ylabel, str) else None
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes, quantity in zip(axes_of_panels, ylabels, strict=True):  # an axis that is shared knows its range now
        _format_quantity(axes, quantity, log_loss)
    figure.legend([handles[g] for g in groups], groups, loc="outside lower center", ncols=min(len(groups), 4))
    return figure


@_own_style
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
    figure = _Figure(figsize=(max(3.5 * len(checked) + 1.5, 5.5), 0.75 * len(labels) + 1.7), layout="constrained")
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
            )
            other = others.get(name, {}).get(label)
            if other is not None:
                (handles[f"a pair of runs, {control_name}"],) = axes.plot(
                    other, np.full(len(other), y + 0.2), "D", color=VERMILION, markerfacecolor="none", markersize=5
                )
        axes.set(xlabel=name, ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)), yticklabels=labels)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


@_own_style
def reliability_diagram(models: Mapping[str, Mapping[str, Any]], least: int = 20, title: str | None = None) -> Figure:
    """How often predictions come true, by how sure they were; below, how many there were of each confidence.

    On the diagonal a model knows how much it knows: of what it says with 80 %, 80 % are right. Below it, it promises
    too much. Confidence is the probability of the class that was predicted.

    Args:
        models: name -> bins of equal width from 0 to 1: a dict of "count" (images), "confidence" (the sum of theirs)
            and "correct" (how many of them), each (bins,).
        least: bins with fewer images than that are hollow: chance alone moves them far.
        title: stands above all.

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
    figure = _Figure(figsize=(max(2.7 * len(checked) + 0.8, 4), 4.6), layout="constrained")
    figure.suptitle(title or "")
    upper, lower = figure.subplots(2, len(checked), squeeze=False, sharex=True, sharey="row", height_ratios=(2.4, 1))
    for above, below, (name, bins) in zip(upper, lower, checked.items(), strict=True):
        used = bins["count"] > 0
        confidence, correct = (bins[part][used] / bins["count"][used] for part in ("confidence", "correct"))
        many = bins["count"][used] >= least
        (diagonal,) = above.plot((0, 1), (0, 1), "--", color="#666666", linewidth=1)
        above.vlines(confidence, confidence, correct, color=VERMILION, alpha=0.6, linewidth=4)
        marks: dict[str, Any] = {"color": BLUE, "markersize": 6, "clip_on": False, "in_layout": False}
        (filled,) = above.plot(confidence[many], correct[many], "o", **marks)
        (hollow,) = above.plot(confidence[~many], correct[~many], "o", markerfacecolor="white", **marks)
        error = np.abs(bins["correct"] - bins["confidence"]).sum() / bins["count"].sum()
        above.set(title=f"{name}\nECE {100 * error:.2f} %", xlim=(0, 1), ylim=(0, 1))
        edges = np.linspace(0, 1, len(used) + 1)
        below.bar(edges[:-1], bins["count"], width=np.diff(edges), align="edge", color="#999999", edgecolor="white")
        below.set(xlabel="confidence, %", yscale="log", ylim=(0.7, None))
        below.set_xticks((0, 0.5, 1))
        for axis in (above.xaxis, above.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    upper[0].set_ylabel("correct, %")
    lower[0].set_ylabel("images")
    lower[0].yaxis.set_minor_formatter(NullFormatter())
    names = ["confidence = correct", f"a bin of {least} images or more", "a bin of fewer"]
    columns = 3 if len(checked) > 2 else 1
    figure.legend([diagonal, filled, hollow], names, loc="outside lower center", ncols=columns)
    return figure


@_own_style
def arrays(*rows: Sequence[Any], title: str | None = None) -> Figure:
    """Small arrays with their numbers written into them, and signs between: a calculation that can be checked on paper.

    Positive numbers stand on red, negative ones on blue; frames show which cells belong together.

        arrays([("x", x, window), "∗", ("kernel", kernel), "=", ("z", z, cell)])

    Shapes:  each array (rows, columns) or (columns,), at most 16 each way

    Args:
        rows: each a list of strings, the signs, and of pairs (name, array) or triples (name, array, framed), framed
            being a boolean array of the same shape.
        title: stands above all.

    Raises:
        TypeError: something else in a row, or arrays that are not numbers.
        ValueError: no row, arrays of another rank or too large, frames of another shape.
    """
    who = "arrays"
    lines = [_check_pictures(who, row) for row in rows]
    if not lines:
        raise ValueError(f"{who}: expected at least one row, received none. Pass a list such as [('x', x)].")
    values = [part[1] for line in lines for part in line if not isinstance(part, str)]
    limit = max((float(np.abs(array).max()) for array in values), default=0.0) or 1.0
    norm, colours = Normalize(-1.9 * limit, 1.9 * limit), colormaps["RdBu_r"]  # pale, for the sake of the numbers

    figure = _Figure(layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    y = right = 0.0
    for line in lines:
        height = max(1 if isinstance(part, str) else part[1].shape[0] for part in line)
        x = 0.0
        for part in line:
            if isinstance(part, str):
                width = 0.7 + 0.22 * len(part)
                axes.text(x + width / 2, y + height / 2, part, ha="center", va="center", fontsize=13)
                x += width
                continue
            name, array, framed = part
            h, w = array.shape
            top, wide = y + (height - h) / 2, max(w, 0.26 * len(name))
            left = x + (wide - w) / 2
            axes.text(left + w / 2, top - 0.22, name, ha="center", va="bottom", fontsize=10, weight="bold")
            for i, j in np.ndindex(h, w):
                face = colours(norm(array[i, j])) if array[i, j] else "white"
                axes.add_patch(Rectangle((left + j, top + i), 1, 1, facecolor=face, edgecolor="#999999", linewidth=0.6))
                text = _in_a_cell(array[i, j])
                size = 9 if len(text) < 6 else 7
                axes.text(left + j + 0.5, top + i + 0.5, text, ha="center", va="center", fontsize=size)
            for i, j in np.argwhere(framed):
                axes.add_patch(Rectangle((left + j, top + i), 1, 1, fill=False, edgecolor="black", linewidth=2.2))
            x += wide
        right = max(right, x)
        y += height + 1.3
    axes.set(xlim=(-0.1, right + 0.1), ylim=(y - 1.2, -0.8), aspect="equal")
    figure.set_size_inches(max(0.42 * (right + 0.2) + 0.2, 4), 0.42 * (y - 0.4) + (0.5 if title else 0.2))
    if title:
        figure.suptitle(title)
    return figure


@_own_style
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
    figure = _Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for i, (name, values) in enumerate(errors.items()):
        array = _check_numbers(who, name, values)
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
    axes.set_title(title or "Error of a difference quotient")
    axes.legend()
    return figure


def _image_grid(images: Array, texts: list[str], wrong: Array, title: str) -> Figure:
    """Images in the usual ink-on-paper look, each with a text above; the wrong ones with a thick frame."""
    columns = min(len(images), max(3, math.ceil(math.sqrt(len(images)))))
    rows = math.ceil(len(images) / columns)
    lines = max((text.count("\n") + bool(text) for text in texts), default=0)
    width = 1.35 if lines > 1 else 1.1
    figure = _Figure(figsize=(max(width * columns, 4), (1.1 + 0.2 * lines) * rows + 0.4), layout="constrained")
    if title:
        figure.suptitle(title)
    low, high = _limits(images)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if i >= len(images):
            axes.set_visible(False)
            continue
        picture = images[i]
        if picture.ndim == 3:  # colours: matplotlib wants them from 0 to 1
            picture = (picture - low) / (high - low)
        axes.imshow(picture, cmap="gray_r", vmin=low, vmax=high)
        _frame(axes, VERMILION if wrong[i] else "#999999", 2.5 if wrong[i] else 0.6)
        axes.set_title(
            texts[i],
            fontsize=9,
            color="#A04000" if wrong[i] else "black",
            weight="bold" if wrong[i] else "normal",
            pad=3,
        )
    return figure


def _map_grid(
    pictures: Array, colours: str, norm: Normalize, label: str, title: str, original: Array | None = None
) -> Figure:
    """Arrays (n, h, w) in one colour scale, with its bar; at the left the image they come from, if there is one."""
    columns = _columns(len(pictures))
    rows = math.ceil(len(pictures) / columns)
    beside = 1.8 if original is not None else 0.0
    width, height = 0.75 * columns + 1.0 + beside, max(0.75 * rows + 0.5, 2.2 if beside else 1.6)
    figure = _Figure(figsize=(max(width, 4.5), height), layout="constrained")
    figure.suptitle(title)
    part: Any = figure
    if original is not None:
        parts: Any = figure.subfigures(1, 2, width_ratios=(beside, width - beside))
        axes, part = parts[0].subplots(), parts[1]
        low, high = _limits(original)
        axes.imshow(original[:, :, 0] if original.shape[2] != 3 else original, cmap="gray_r", vmin=low, vmax=high)
        axes.set_title("input", fontsize=9, pad=3)
        _frame(axes, "#999999", 0.6)
    # All in one axes: a hundred axes would take seconds.
    axes = part.subplots()
    axes.set_axis_off()
    h, w = np.array(pictures.shape[1:]) / max(pictures.shape[1:])
    for i, picture in enumerate(pictures):
        top, left = 1.15 * (i // columns), 1.15 * (i % columns)
        axes.imshow(picture, cmap=colours, norm=norm, extent=(left, left + w, top + h, top))
        axes.add_patch(Rectangle((left, top), w, h, fill=False, edgecolor="#999999", linewidth=0.6))
    axes.set(xlim=(-0.05, 1.15 * columns - 0.1), ylim=(1.15 * rows - 0.1, -0.05))
    part.colorbar(ScalarMappable(norm, colours), ax=axes, label=label, shrink=0.9, aspect=25)
    return figure


def _columns(n: int) -> int:
    """Columns of a grid that is up to four times as wide as high, with a full last row where that can be."""
    widths = range(math.ceil(math.sqrt(n)), 2 * math.ceil(math.sqrt(n)) + 1)
    return min(n, next((columns for columns in widths if n % columns == 0), widths[0]))


def _frame(axes: Axes, colour: str, width: float) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=width)


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _in_a_cell(value: float) -> str:
    """Whole numbers in full, others with two digits; -0.0 is 0."""
    text = f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.2g}"
    return "0" if text == "-0" else text.replace("-", "−")


def _percent(share: float) -> str:
    """99.97 % is not "100 %": only certainty is."""
    return f"{math.floor(100 * share)} %" if share > 0.99 else f"{100 * share:.0f} %"


def _title_of_samples(truth: Array | None, guesses: Array | None, wrong: Array) -> str:
    if guesses is not None and truth is not None:
        return f"Predictions, {int(wrong.sum())} of {len(wrong)} wrong (✗)"
    return "Predictions" if guesses is not None else "Labels" if truth is not None else "Images"


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
        return {name: _run(f"training_curves: {name}", run) for name, run in given.items()}
    return {"": _run("training_curves", given)}


def _run(who: str, history: Any) -> dict[str, Array]:
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
            f"{who}: expected a history with the loss of at least one epoch, received {_sizes(run)}. Train first."
        )
    shown = {key: values for key, values in run.items() if key.removeprefix("val_") in ("loss", "accuracy")}
    if len({len(values) for values in shown.values()}) > 1:
        raise ValueError(
            f"{who}: expected as many values of each figure, received {_sizes(shown)}. Validate after every epoch."
        )
    return shown


def _sizes(run: Mapping[str, Array]) -> str:
    return ", ".join(f"{len(values)} of {key}" for key, values in run.items()) or "none"


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
            array = _check_numbers(who, f"{label!r}", values)
            if array.ndim != rank or array.size == 0:
                raise ValueError(
                    f"{who}: expected {what} for {label!r} in {name!r}, received shape {array.shape}. "
                    f"Its shape has to have {_number(rank, 'number')}."
                )
            checked[name][label] = array
    return checked


def _groups(panels: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of all groups, in the order of their first appearance."""
    return list(dict.fromkeys(label for groups in panels.values() for label in groups))


def _format_quantity(axes: Axes, quantity: str, log_loss: bool) -> None:
    """Percent for an accuracy; for a loss a logarithmic axis, where it is asked for."""
    if "accuracy" in quantity:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    elif log_loss:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 2, 3, 4, 5, 6, 8)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def _check_numbers(who: str, name: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{who}: expected {name} to be an array of numbers, received dtype {array.dtype}. "
            f"Convert it first: {name}.astype('float32')."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{who}: expected finite numbers in {name}, received NaN or infinity. Look at the data.")
    return array


def _check_counts_and_edges(who: str, name: str, run: Mapping[str, Any], looks: int) -> tuple[Array, Array]:
    """(r, bins) and (r, bins + 1)"""
    counts, edges = (_check_numbers(who, f"{key} of {name!r}", run.get(key, ())) for key in ("counts", "edges"))
    if counts.ndim != 2 or len(counts) != looks or edges.shape != (looks, counts.shape[1] + 1):
        raise ValueError(
            f"{who}: expected {name!r} to hold counts ({looks}, bins) and edges ({looks}, bins + 1), received shapes "
            f"{counts.shape} and {edges.shape}. Pass all of what a Monitor keeps of one layer, and its steps."
        )
    return counts, edges


def _check_images(who: str, images: Any) -> Array:
    """(n, h, w) or (n, h, w, 3); a channel axis of length one is taken off."""
    array = _check_numbers(who, "images", images)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.size == 0 or not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3)):
        raise ValueError(
            f"{who}: expected images of shape (n, height, width) or (n, height, width, channels) with 1 or 3 channels, "
            f"received shape {np.shape(images)}. Reshape them: images.reshape(-1, 28, 28)."
        )
    return array


def _check_classes(who: str, name: str, values: Any, n: int | None = None) -> Array:
    """Class numbers (n,); of rows (n, classes) the place of the largest."""
    array = _check_numbers(who, name, values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.size:
        array = array.argmax(axis=1)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"{who}: expected {name} of shape (n,) or (n, classes), received shape {np.shape(values)}. "
            "Give one class number per image."
        )
    if n is not None and len(array) != n:
        raise ValueError(f"{who}: expected as many {name} as images, received {len(array)} for {n}. Cut both alike.")
    whole = array.astype(int)
    if (whole != array).any() or whole.min() < 0:
        raise ValueError(
            f"{who}: expected {name} to be whole numbers from 0, received {array[(whole != array) | (whole < 0)][0]}. "
            "Give one class number per image."
        )
    return whole


def _check_pictures(who: str, row: Any) -> list[Any]:
    """A row of `arrays`: its signs as they are, its arrays as (name, (h, w) array, (h, w) framed)."""
    parts: list[Any] = []
    for part in row:
        if isinstance(part, str):
            parts.append(part)
            continue
        if not isinstance(part, tuple) or len(part) not in (2, 3) or not isinstance(part[0], str):
            raise TypeError(
                f"{who}: expected strings, pairs (name, array) or triples (name, array, framed), received {part!r}. "
                "Pass a list such as [('x', x), '→', ('y', y)]."
            )
        array = np.atleast_2d(_check_numbers(who, part[0], part[1]))
        if array.ndim != 2 or array.size == 0 or max(array.shape) > 16:
            raise ValueError(
                f"{who}: expected {part[0]} of shape (rows, columns), at most 16 each way, received shape "
                f"{np.shape(part[1])}. Cut out one channel, or a part."
            )
        framed = np.atleast_2d(part[2]) if len(part) == 3 else np.zeros(array.shape, bool)
        if framed.shape != array.shape or framed.dtype != bool:
            raise ValueError(
                f"{who}: expected booleans of shape {array.shape} as frames of {part[0]}, received {framed.dtype} of "
                f"shape {framed.shape}. Compare the array with something, for example."
            )
        parts.append((part[0], array, framed))
    return parts


def _check_positive(who: str, name: str, values: Any) -> Array:
    array = _check_numbers(who, name, values)
    if array.ndim != 1 or array.size == 0 or (array <= 0).any():
        raise ValueError(
            f"{who}: expected {name} of shape (n,), all above 0, received shape {array.shape}. Try np.geomspace."
        )
    return array


def _check_count(who: str, count: Any, n: int) -> int:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise ValueError(f"{who}: expected count to be a positive whole number, received {count!r}. Try 25.")
    return min(int(count), n)


def _check_captions(who: str, captions: Sequence[str] | None, n: int) -> None:
    if captions is not None and len(captions) != n:
        raise ValueError(f"{who}: expected {_number(n, 'caption')}, received {len(captions)}. Give one for each image.")


def _kernel_of(who: str, layer: Any) -> Array:
    """(kh, kw, channels, filters)"""
    if hasattr(layer, "built"):
        if not layer.built:
            raise ValueError(
                f"{who}: expected a layer that is built, {layer.name!r} is not. Call layer.build((None, 28, 28, 1))."
            )
        if not hasattr(layer, "kernel"):
            raise TypeError(f"{who}: expected a layer with a kernel, received {layer!r}. Pass a Conv2D.")
        layer = layer.kernel.value
    values = _check_numbers(who, "kernels", layer)
    if values.ndim == 3:
        values = values[:, :, None, :]
    if values.ndim != 4 or values.size == 0:
        raise ValueError(
            f"{who}: expected a kernel of shape (height, width, channels, filters), received shape {values.shape}. "
            "Pass a Conv2D, or its kernel."
        )
    return values


def _find_layer(who: str, model: Any, layer: Any) -> Any:
    if layer is None:
        return model.layers[0]
    if isinstance(layer, (int, np.integer)):
        return model.get_layer(index=int(layer))
    if isinstance(layer, str):
        return model.get_layer(layer)
    if not any(layer is one for one in model.layers):
        raise ValueError(f"{who}: expected a layer of {model.name!r}, received {layer!r}. Look at model.summary().")
    return layer


def _limits(images: Array) -> tuple[float, float]:
    low, high = float(images.min()), float(images.max())
    return low, high if high > low else low + 1.0
