"""Pictures of Pillow, which Matplotlib brings along, from files and from arrays, and arrays of them."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinycnn.utils import floatx

if TYPE_CHECKING:
    from PIL.Image import Image

ColorMode = Literal["rgb", "rgba", "grayscale"]
MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def load_img(
    path: Any,
    color_mode: ColorMode = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:
    """The picture in the file ``path``, in the colours asked for, resized to ``target_size`` (height, width).

    With ``keep_aspect_ratio`` the largest part in the middle that has the new shape is resized, else all of it.

    Raises:
        ValueError: the file holds no picture; another ``color_mode`` or ``interpolation`` than Keras's.
        FileNotFoundError: there is no such file.
    """
    from PIL import Image, UnidentifiedImageError

    check_reading("load_img", color_mode, interpolation)
    if isinstance(path, io.BytesIO):
        content = path.getvalue()
    else:
        with open(path, "rb") as stream:
            content = stream.read()
    try:
        picture: Any = Image.open(io.BytesIO(content))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        name = "the given bytes" if isinstance(path, io.BytesIO) else os.fspath(path)
        raise ValueError(
            f"load_img: expected a picture, received {name} ({error}). Mend the file or leave it out."
        ) from error
    if not (color_mode == "grayscale" and picture.mode in ("I", "I;16")):  # more than 8 bits: kept, as in Keras
        picture = picture.convert(MODES[color_mode])
    if target_size is None:
        return picture
    height, width = target_size
    if picture.size == (width, height):
        return picture
    box = None
    if keep_aspect_ratio:
        w, h = picture.size
        part_w, part_h = min(w, h * width // height), min(h, w * height // width)
        left, top = (w - part_w) // 2, (h - part_h) // 2
        box = (left, top, left + part_w, top + part_h)
    return picture.resize((width, height), Image.Resampling[interpolation.upper()], box=box)


def check_reading(who: str, color_mode: object, interpolation: object) -> None:
    if color_mode not in MODES:
        raise ValueError(f"{who}: expected color_mode one of {', '.join(MODES)}, received {color_mode!r}. Use one.")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"{who}: expected interpolation one of {', '.join(INTERPOLATIONS)}, received {interpolation!r}. Use one."
        )


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """The numbers of a picture: (height, width, channels), `keras.backend.floatx` unless ``dtype`` is given."""
    check_format("img_to_array", data_format)
    x = np.array(img, dtype=floatx() if dtype is None else dtype)
    if x.ndim not in (2, 3):
        raise ValueError(
            f"img_to_array: expected a picture of shape (height, width) or (height, width, channels), received "
            f"{x.shape}. Pass one picture, not a batch."
        )
    return x[:, :, None] if x.ndim == 2 else x


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Image:
    """The picture of an array (height, width, channels).

    Math:  with ``scale``, 255·(x − min x)/max(x − min x); then fractions are cut off
    """
    from PIL import Image

    check_format("array_to_img", data_format)
    x = np.array(x, dtype=floatx() if dtype is None else dtype)
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"array_to_img: expected an array (height, width, 1, 3 or 4 channels), received {x.shape}. "
            "Pass one image; a single channel needs an axis, too: x[:, :, None]."
        )
    if scale:
        x = scaled_to_bytes(x)
    if x.shape[2] == 1:
        return Image.fromarray(x[:, :, 0].astype("uint8" if x.max() <= 255 else "int32"))
    return Image.fromarray(x.astype("uint8"))


def scaled_to_bytes(x: np.ndarray) -> np.ndarray:
    """x, moved and stretched to 0 … 255."""
    x = x - x.min()
    if x.max() != 0:
        x = x / x.max()
    return x * 255


def check_format(who: str, data_format: object) -> None:
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"{who}: expected data_format 'channels_last', received {data_format!r}. tinycnn has images with channels "
            "last only: x.transpose(1, 2, 0) of one image, x.transpose(0, 2, 3, 1) of many."
        )
