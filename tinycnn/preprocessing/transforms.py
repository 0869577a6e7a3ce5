"""What an image may be changed by: an affine map of its plane, another brightness, other colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.preprocessing.pictures import scaled_to_bytes

FILL_MODES = ("nearest", "constant", "reflect", "wrap")


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 0,
    col_axis: int = 1,
    channel_axis: int = 2,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Rotate by ``theta`` degrees, shift by (tx columns, ty rows), shear by ``shear`` degrees, zoom by 1/zx and 1/zy.

    Math:    y(p) = x(c + M·(p − c)) for every pixel p = (column, row), c = ((h − 1)/2, (w − 1)/2), and
             M = R(theta)·T(tx, ty)·S(shear)·Z(zx, zy). Between pixels, splines of order ``order`` (1: linear); outside
             of the image, as ``fill_mode`` says.
    Shapes:  x, y (h, w, channels)
    Raises:  ImportError where SciPy is not installed.
    Keras:   same numbers, with its slip: c has the coordinates of the middle exchanged where an image is not square.
             The axes are those of channels last
    """
    if (row_axis, col_axis, channel_axis) != (0, 1, 2):
        raise ValueError(
            f"apply_affine_transform: expected row_axis=0, col_axis=1, channel_axis=2, received "
            f"{(row_axis, col_axis, channel_axis)}. tinycnn has images with channels last only."
        )
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    ndimage = _ndimage()
    turn, slant = np.deg2rad(theta), np.deg2rad(shear)
    rotate = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    skew = np.array([[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]])
    zoom = np.array([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    factors = [
        factor
        for factor, used in ((rotate, theta != 0), (shift, (tx, ty) != (0, 0)), (skew, shear != 0), (zoom, True))
        if used
    ]
    matrix = factors[0]
    for factor in factors[1:]:
        matrix = matrix @ factor
    # The matrices are for (column, row), arrays are indexed by (row, column): both axes are exchanged at the end.
    h, w = x.shape[:2]
    middle = np.array([[1, 0, h / 2 - 0.5], [0, 1, w / 2 - 0.5], [0, 0, 1]])
    back = np.array([[1, 0, -(h / 2 - 0.5)], [0, 1, -(w / 2 - 0.5)], [0, 0, 1]])
    matrix = (middle @ matrix @ back)[[1, 0, 2]][:, [1, 0, 2]]
    channels = [
        ndimage.affine_transform(
            x[:, :, channel], matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval
        )
        for channel in range(x.shape[2])
    ]
    return np.stack(channels, axis=2)


def _ndimage() -> Any:
    try:
        from scipy import ndimage
    except ImportError as error:
        raise ImportError(
            "ImageDataGenerator: expected SciPy, which turns, shifts and zooms images, found none. "
            "Install it: pip install scipy. (Flips, rescaling and standardizing work without.)"
        ) from error
    return ndimage


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 2) -> np.ndarray:
    """x + ``intensity``, within the range that x has."""
    return np.clip(x + intensity, x.min(), x.max()).astype(x.dtype, copy=False)


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """``brightness`` times the pixels, as bytes: fractions are cut off, and 255 is white.

    Images with values below 0 or above 255, or all images where ``scale`` says so, are first stretched to 0 … 255; the
    former then have their range again. The fourth channel, transparency, stays.

    Keras:   same numbers. Images of 0 … 1 become black there too: rescale in the generator, which comes afterwards
    """
    low, high = x.min(), x.max()
    out_of_range = bool(low < 0 or high > 255)
    pixels = (scaled_to_bytes(x.astype("float32")) if out_of_range or scale else x).astype("uint8")
    lit = np.clip(np.float32(brightness) * pixels.astype("float32"), 0, 255).astype("uint8")
    lit[:, :, 3:] = pixels[:, :, 3:]
    y = lit.astype("float32")
    if out_of_range and not scale:
        y = y / 255 * (high - low) + low
    return y
