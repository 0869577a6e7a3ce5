"""Sizes and paddings of sliding windows, for convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.layers.base import Array, Shape

Pair = tuple[int, int]


def pair(layer: str, argument: str, value: Any) -> Pair:
    """``3`` -> ``(3, 3)``; two positive whole numbers stay as they are; anything else is an error."""
    values = (value, value) if isinstance(value, (int, np.integer)) and not isinstance(value, bool) else value
    try:
        first, second = values
        if first >= 1 and second >= 1 and int(first) == first and int(second) == second:
            return int(first), int(second)
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"{layer}: expected {argument} to be a positive whole number or two of them, received {value!r}. "
        f"Write {argument}=2 or {argument}=(2, 2)."
    )


def check_count(layer: str, argument: str, value: Any, example: int) -> int:
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"{layer}: expected {argument} to be a positive whole number, received {value!r}. Try {example}."
        )
    return int(value)


def check_strides_or_dilation(layer: str, strides: Pair, dilation_rate: Pair) -> None:
    if strides != (1, 1) and dilation_rate != (1, 1):
        raise ValueError(
            f"{layer}: expected strides=1 or dilation_rate=1, received "
            f"strides={strides} with dilation_rate={dilation_rate}. Use one of the two."
        )


def check_padding(layer: str, padding: Any) -> str:
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"{layer}: expected padding 'valid' or 'same', received {padding!r}. Use one of the two.")
    return padding.lower()


def side_widths(layer: str, argument: str, widths: Any) -> tuple[Pair, Pair]:
    """``1`` -> ``((1, 1), (1, 1))``;  ``(1, 2)`` -> ``((1, 1), (2, 2))``: what is at the four sides of an image."""
    both = isinstance(widths, (tuple, list)) and len(widths) == 2
    sides = [
        tuple(side) if isinstance(side, (tuple, list)) else (side, side) for side in (widths if both else (widths,) * 2)
    ]
    if not all(len(side) == 2 and all(isinstance(n, (int, np.integer)) and n >= 0 for n in side) for side in sides):
        raise ValueError(
            f"{layer}: expected {argument} to be whole numbers >= 0, one, two, or two pairs, "
            f"received {widths!r}. Write {argument}=1, or {argument}=((top, bottom), (left, right))."
        )
    (top, bottom), (left, right) = sides
    return (int(top), int(bottom)), (int(left), int(right))


def check_channels_last(layer: str, data_format: Any) -> str:
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"{layer}: expected data_format='channels_last', received {data_format!r}. "
            "Move the channels to the end: x.transpose(0, 2, 3, 1)."
        )
    return "channels_last"


def check_images(layer: str, input_shape: Shape) -> tuple[int, int, int]:
    """Height, width and channels of a shape (None, h, w, c)."""
    if len(input_shape) != 4:
        hint = (
            f"Add the channel axis: x.reshape(-1, {input_shape[1]}, {input_shape[2]}, 1)."
            if len(input_shape) == 3
            else "Add the channel axis: x.reshape(-1, 28, 28, 1)."
            if input_shape[1:] == (784,)
            else "Reshape the images to four axes."
        )
        written = ("batch", *input_shape[1:])
        raise ValueError(
            f"{layer}: expected images of shape (batch, height, width, channels), "
            f"received ({', '.join(map(str, written))}). {hint}"
        )
    _, h, w, c = input_shape
    return h, w, c


def same_padding(size: int, window: int, stride: int) -> Pair:
    """Zeros before and after an axis so that ``out = ceil(size / stride)``; the odd one goes after."""
    out = -(-size // stride)
    total = max((out - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def paddings(padding: str, image: Pair, window: Pair, strides: Pair) -> tuple[Pair, Pair]:
    """What "same" adds to the height and the width; nothing for "valid"."""
    if padding == "valid":
        return (0, 0), (0, 0)
    return same_padding(image[0], window[0], strides[0]), same_padding(image[1], window[1], strides[1])


def output_size(layer: str, image: Pair, window: Pair, strides: Pair) -> Pair:
    """How many windows fit into a (padded) image: ``(size − window) // stride + 1`` along each axis."""
    if window[0] > image[0] or window[1] > image[1]:
        turned = " Channels come last: (28, 28, 1), not (1, 28, 28)." if image[0] in (1, 3) else ""
        raise ValueError(
            f"{layer}: expected a window that fits into the image, received one of {window[0]}x{window[1]} for an "
            f"image of {image[0]}x{image[1]}. Use a smaller kernel, pool or dilation, or padding='same'.{turned}"
        )
    return (image[0] - window[0]) // strides[0] + 1, (image[1] - window[1]) // strides[1] + 1


def windows_of(
    layer: str, image: Pair, kernel_size: Pair, strides: Pair, padding: str, dilation_rate: Pair
) -> tuple[tuple[Pair, Pair], Pair]:
    """The padding around an image, see `paddings`, and how many windows of a kernel fit into it then."""
    (kh, kw), (dh, dw) = kernel_size, dilation_rate
    window = (kh - 1) * dh + 1, (kw - 1) * dw + 1
    widths = (top, bottom), (left, right) = paddings(padding, image, window, strides)
    return widths, output_size(layer, (image[0] + top + bottom, image[1] + left + right), window, strides)


def values_in_windows(size: int, window: int, stride: int, before: int, out: int) -> Array:
    """How many of an axis's ``size`` values each of the ``out`` windows holds, the padding not counted."""
    starts = np.arange(out) * stride - before
    return np.minimum(starts + window, size) - np.maximum(starts, 0)


def pad(x: Array, widths: tuple[Pair, Pair], value: float = 0.0) -> Array:
    """``x`` with ``widths`` rows and columns of ``value`` around each image."""
    if widths == ((0, 0), (0, 0)):
        return x
    return np.pad(x, ((0, 0), *widths, (0, 0)), constant_values=value)


def crop(dx: Array, widths: tuple[Pair, Pair]) -> Array:
    """The inverse of `pad` for gradients: the padding's share is dropped."""
    (top, bottom), (left, right) = widths
    return dx[:, top : dx.shape[1] - bottom, left : dx.shape[2] - right]
