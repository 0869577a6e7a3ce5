"""Where the wrong numbers lie: a picture in text, and one in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

Array = np.ndarray

MOST_ROWS, MOST_COLUMNS = 24, 36
RIGHT, WRONG = ".", "X"


def wrong_entries(given: Array, due: Array, tolerance: float = 1e-4) -> Array:
    """True where a number is wrong, of the shape of both."""
    scale = max(float(np.max(np.abs(due), initial=0.0)), 1e-12)
    return ~(np.abs(given - due) <= tolerance * scale)


def most_wrong(wrong: Array) -> tuple[int, int]:
    """The image and the channel with most mistakes.  Shapes: (n, h, w, c)"""
    image, channel = np.unravel_index(np.argmax(wrong.sum(axis=(1, 2))), (wrong.shape[0], wrong.shape[3]))
    return int(image), int(channel)


def as_plane(array: Array) -> Array:
    """An array as rows and columns.  Shapes: (n, c) and (h, w) stay;  (n,) -> (1, n)"""
    return array.reshape(1, -1) if array.ndim < 2 else array.reshape(len(array), -1)


def text(given: Array, due: Array) -> str:
    """The picture in text, at most 80 columns wide; of images the image and channel with most mistakes."""
    wrong = wrong_entries(given, due)
    where = ""
    if wrong.ndim == 4:
        image, channel = most_wrong(wrong)
        wrong, where = wrong[image, :, :, channel], f"[{image}, :, :, {channel}] of "
    plane = as_plane(wrong)
    rows = ["  " + " ".join(WRONG if one else RIGHT for one in row[:MOST_COLUMNS]) for row in plane[:MOST_ROWS]]
    cut = " (its beginning)" if plane.shape[0] > MOST_ROWS or plane.shape[1] > MOST_COLUMNS else ""
    return "\n".join([f"{where}{given.shape}{cut}: {RIGHT} right, {WRONG} wrong", *rows])


def write(given: Array, due: Array, path: Path) -> None:
    """What was given, what is due, and the difference, side by side."""
    from matplotlib.figure import Figure

    wrong = wrong_entries(given, due)
    if wrong.ndim == 4:
        image, channel = most_wrong(wrong)
        given, due = given[image, :, :, channel], due[image, :, :, channel]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    planes = {"yours": as_plane(given), "due": as_plane(due)}
    planes["yours less due"] = planes["yours"] - planes["due"]
    most = max(float(np.nanmax(np.abs(planes["due"]), initial=0.0)), 1e-12)
    for ax, (title, plane) in zip(figure.subplots(1, 3), planes.items(), strict=True):
        shown = ax.imshow(plane, cmap="RdBu", vmin=-most, vmax=most, aspect="equal" if plane.shape[0] > 1 else "auto")
        ax.set_title(title)
        ax.set_xticks([])
        ax.set_yticks([])
    figure.colorbar(shown, ax=figure.axes, shrink=0.8)
    figure.savefig(path)
