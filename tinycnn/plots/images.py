"""Pictures of images, kernels, feature maps, and of small arrays with their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from tinycnn.layers import Conv2DTranspose, DepthwiseConv2D, InputLayer
from tinycnn.plots.common import (
    VERMILION,
    Array,
    WhiteFigure,
    check_count,
    check_images,
    check_numbers,
    count_of,
    frame_with,
    limits_of,
    own_style,
)
from tinycnn.plots.words import number, span


@own_style
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
    images = check_images(who, images)
    truth = None if labels is None else _check_classes(who, "labels", labels, len(images))
    guesses = None if predictions is None else _check_classes(who, "predictions", predictions, len(images))
    count = check_count(who, count, len(images))
    texts, wrong = [], np.zeros(count, bool)
    for i in range(count):
        text = "" if truth is None else str(truth[i])
        if guesses is not None:
            text = str(guesses[i])
            if truth is not None and guesses[i] != truth[i]:
                text, wrong[i] = f"✗ {guesses[i]}, is {truth[i]}", True
        texts.append(text)
    return _image_grid(images[:count], texts, wrong, title or _title_of_samples(truth, guesses, wrong))


@own_style
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
    images = check_images(who, images)
    truth = _check_classes(who, "labels", labels, len(images))
    shares = check_numbers(who, "probabilities", probabilities)
    if shares.ndim != 2:
        raise ValueError(
            f"{who}: expected probabilities of shape ({len(images)}, classes), received shape {shares.shape}. "
            "Pass what model.predict(images) returns."
        )
    guesses = _check_classes(who, "probabilities", shares, len(images))
    confidence = shares.max(axis=1)
    mistakes = np.flatnonzero(guesses != truth)
    if len(mistakes) == 0:
        figure = WhiteFigure(figsize=(5, 2), layout="constrained")
        figure.text(0.5, 0.5, f"No mistakes in {count_of(len(images), 'image')}", ha="center", va="center")
        return figure
    order = mistakes[np.argsort(-confidence[mistakes], kind="stable")]
    order = order[: check_count(who, count, len(order))]
    texts = [f"true {truth[i]}\npredicted {guesses[i]}, {_percent(confidence[i])}" for i in order]
    if title is None:
        shown = "" if len(order) == len(mistakes) else f", the {len(order)} most confident"
        title = f"{count_of(len(mistakes), 'mistake')} in {count_of(len(images), 'image')}{shown}"
    return _image_grid(images[order], texts, np.zeros(len(order), bool), title)


@own_style
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
    figure = WhiteFigure(figsize=(size + 1, size), kind="Confusion matrix", layout="constrained")
    axes = figure.subplots()
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    highest = max(int(mistakes.max()), 1)
    picture = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=highest)
    axes.set_label(_told_mistakes(counts, names))
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


@own_style
def kernels(layer: Any, channel: int = 0, title: str | None = None) -> Figure:
    """The kernels of a convolution, one small picture a filter, in a scale that is symmetric around zero.

    Where a kernel is positive (red) the filter wants ink, where it is negative (blue) it wants paper.

    Shapes:  kernel (kh, kw, channels, filters), (kh, kw, filters), or a built layer that has one

    Args:
        layer: a `Conv2D`, `Conv2DTranspose` or `DepthwiseConv2D`, or the array itself, as a Conv2D has it.
        channel: which of the input's channels to show; filters of a DepthwiseConv2D have only one.

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
        title = f"{count_of(filters, 'kernel')} of {kh}×{kw}" + (f" in {name}" if name else "")
        title += f", input channel {channel} of {channels}" if channels > 1 else ""
    limit = float(np.abs(values).max()) or 1.0
    return _map_grid(pictures, "RdBu_r", Normalize(-limit, limit), "weight", title)


@own_style
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
    x = check_numbers(who, "image", image)
    sizes = model.input_shape[1:]
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
    maps = next(y for one, _, y in model.walk(x) if one is chosen)
    check_numbers(who, "activations", maps)
    pictures = maps[0].transpose(2, 0, 1)  # (channels, h, w)
    shown = check_count(who, count, len(pictures))
    if title is None:
        some = "" if shown == len(pictures) else f", the first {shown}"
        title = f"{count_of(len(pictures), 'feature map')} of {chosen.name}{some}"
    low, high = float(pictures.min()), float(pictures.max())
    if low < 0:
        limit = max(-low, high)
        colours, norm = "RdBu_r", Normalize(-limit, limit)
    else:
        colours, norm = "viridis", Normalize(0, high or 1.0)
    return _map_grid(pictures[:shown], colours, norm, "activation", title, original=x[0])


@own_style
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

    figure = WhiteFigure(kind="Calculation", layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_label("; ".join(" ".join(map(_told, line)) for line in lines))
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


def _image_grid(images: Array, texts: list[str], wrong: Array, title: str) -> Figure:
    """Images in the usual ink-on-paper look, each with a text above; the wrong ones with a thick frame."""
    columns = min(len(images), max(3, math.ceil(math.sqrt(len(images)))))
    rows = math.ceil(len(images) / columns)
    lines = max((text.count("\n") + bool(text) for text in texts), default=0)
    width = 1.35 if lines > 1 else 1.1
    figure = WhiteFigure(figsize=(max(width * columns, 4), (1.1 + 0.2 * lines) * rows + 0.4), layout="constrained")
    if title:
        figure.suptitle(title)
    low, high = limits_of(images)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if i >= len(images):
            axes.set_visible(False)
            continue
        picture = images[i]
        if picture.ndim == 3:  # colours: matplotlib wants them from 0 to 1
            picture = (picture - low) / (high - low)
        axes.imshow(picture, cmap="gray_r", vmin=low, vmax=high)
        frame_with(axes, VERMILION if wrong[i] else "#999999", 2.5 if wrong[i] else 0.6)
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
    figure = WhiteFigure(figsize=(max(width, 4.5), height), layout="constrained")
    figure.suptitle(title)
    part: Any = figure
    if original is not None:
        parts: Any = figure.subfigures(1, 2, width_ratios=(beside, width - beside))
        axes, part = parts[0].subplots(), parts[1]
        low, high = limits_of(original)
        axes.imshow(original[:, :, 0] if original.shape[2] != 3 else original, cmap="gray_r", vmin=low, vmax=high)
        axes.set_title("input", fontsize=9, pad=3)
        frame_with(axes, "#999999", 0.6)
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


def _in_a_cell(value: float) -> str:
    """Whole numbers in full, others with two digits; -0.0 is 0."""
    text = f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.2g}"
    return "0" if text == "-0" else text.replace("-", "−")


def _told(part: Any) -> str:
    """A sign as it is; of an array its name and numbers, or, of more than a dozen, its shape and range."""
    if isinstance(part, str):
        return part
    name, array, _ = part
    if array.size > 12:
        return f"{name} ({array.shape[0]}×{array.shape[1]}, {span(array.min(), array.max())})"
    return f"{name} [{' / '.join(', '.join(map(_in_a_cell, row)) for row in array)}]"


def _told_mistakes(counts: Array, names: list[str]) -> str:
    """How many classes there are, and the mistakes, the most frequent ones first."""
    rows = [f"{len(names)} classes"]
    for place in np.argsort(-counts, axis=None, kind="stable"):
        i, j = np.unravel_index(place, counts.shape)
        if i != j and counts[i, j]:
            rows.append(f"{names[i]} read as {names[j]}: {number(int(counts[i, j]))}")
    return "; ".join(rows)


def _percent(share: float) -> str:
    """99.97 % is not "100 %": only certainty is."""
    return f"{math.floor(100 * share)} %" if share > 0.99 else f"{100 * share:.0f} %"


def _title_of_samples(truth: Array | None, guesses: Array | None, wrong: Array) -> str:
    if guesses is not None and truth is not None:
        return f"Predictions, {int(wrong.sum())} of {len(wrong)} wrong (✗)"
    return "Predictions" if guesses is not None else "Labels" if truth is not None else "Images"


def _check_classes(who: str, name: str, values: Any, n: int | None = None) -> Array:
    """Class numbers (n,); of rows (n, classes) the place of the largest."""
    array = check_numbers(who, name, values)
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
        array = np.atleast_2d(check_numbers(who, part[0], part[1]))
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


def _kernel_of(who: str, layer: Any) -> Array:
    """(kh, kw, channels, filters)"""
    if hasattr(layer, "built"):
        if not layer.built:
            raise ValueError(
                f"{who}: expected a layer that is built, {layer.name!r} is not. Call layer.build((None, 28, 28, 1))."
            )
        if not hasattr(layer, "kernel"):
            raise TypeError(f"{who}: expected a layer with a kernel, received {layer!r}. Pass a Conv2D.")
        values = layer.kernel.value
        if isinstance(layer, Conv2DTranspose):  # (kh, kw, filters, channels)
            values = values.swapaxes(2, 3)
        elif isinstance(layer, DepthwiseConv2D):  # (kh, kw, c, m): c·m filters of one channel each
            values = values.reshape(*layer.kernel_size, -1)
        layer = values
    values = check_numbers(who, "kernels", layer)
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
        return next(one for one in model.layers if not isinstance(one, InputLayer))
    if isinstance(layer, (int, np.integer)):
        return model.get_layer(index=int(layer))
    if isinstance(layer, str):
        return model.get_layer(layer)
    if not any(layer is one for one in model.layers):
        raise ValueError(f"{who}: expected a layer of {model.name!r}, received {layer!r}. Look at model.summary().")
    return layer
