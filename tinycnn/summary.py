"""The table that ``model.summary()`` prints: Keras's, character for character."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinycnn.output import LastingOutput

if TYPE_CHECKING:
    from tinycnn.model import Model


def print_summary(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], object] | None = None,
    show_trainable: bool = False,
) -> None:
    """Print name, class, output shape and parameter count of each layer, and the totals.

    Args:
        model: the model.
        line_length: width of the table; by default 88, or 108 where branches part or meet; in a terminal its width less
            4, where that is less.
        positions: where the columns end, as shares of the width; by default 0.45, 0.80, 1 (0.3, 0.56, 0.74, 1).
        print_fn: called once with the whole text; by default it goes to standard output, coloured in a terminal.
        show_trainable: whether a column says which layers are trained.
    """
    # Keras draws its tables with rich, so the same calls give the same characters.
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    headers = ["Layer (type)", "Output Shape", "Param #"]
    justify = ["left", "left", "right"]
    is_row = all(sources == (place - 1,) for place, sources in enumerate(model._sources) if place)
    if not is_row:
        headers.append("Connected to")
        justify.append("left")
    ends = list(positions or ((0.45, 0.80, 1.0) if is_row else (0.3, 0.56, 0.74, 1.0)))
    longest = (88 if is_row else 108) + 12 * show_trainable
    width = line_length or min(longest, shutil.get_terminal_size().columns - 4)
    if show_trainable:
        headers.append("Trainable")
        justify.append("center")
        ends = [0.9 * end for end in ends] + [1.0]
    edges = [0, *(int(end * width) for end in ends)]
    widths = [after - before for before, after in itertools.pairwise(edges)]
    if min(widths) < 4:
        raise ValueError(
            f"summary: expected a width of at least 4 characters for each column, received {widths}. "
            "Raise line_length or widen the terminal."
        )
    columns = [
        Column(header, justify=side, width=size)  # type: ignore[arg-type]
        for header, side, size in zip(headers, justify, widths, strict=True)
    ]
    zero = "[color(34)]0[/]"  # which call of a layer, and which of its outputs: here the first, always
    table = Table(*columns, width=width, show_lines=True)
    for layer, sources in zip(model.layers, model._sources, strict=True):
        fields = [
            f"{escape(layer.name)} ([color(33)]{escape(type(layer).__name__)}[/])",
            _written(layer.output_shape) if layer.built else "?",
            f"[color(34)]{layer.count_params():,}[/]" if layer.built else "[color(34)]0[/] (unbuilt)",
        ]
        if not is_row:
            fields.append(", ".join(f"{escape(model.layers[s].name)}[{zero}][{zero}]" for s in sources) or "-")
        if show_trainable:
            mark = "[bold color(34)]Y[/]" if layer.trainable else "[bold color(9)]N[/]"
            fields.append(mark if layer.built and layer.named_weights else "[bold]-[/]")
        table.add_row(*fields)

    trainable = [p.value for p in model.parameters]
    everything = [value for layer in model.layers if layer.built for value in layer.named_weights.values()]
    sizes = {"Trainable": _size(trainable), "Non-trainable": _size(everything) - _size(trainable)}
    slots = model.optimizer_weights()
    if slots:
        sizes["Optimizer"] = _size(slots)
    console = Console(file=LastingOutput(sys.stdout), highlight=False)  # type: ignore[arg-type]
    if print_fn is not None:
        console = Console(highlight=False, force_terminal=False, color_system=None)
        console.begin_capture()
    console.print(f'[bold]Model: "{escape(model.name)}"[/]')
    console.print(table)
    for kind, (count, size) in {"Total": sum(sizes.values()), **sizes}.items():
        console.print(f"[bold] {kind} params: [/][color(34)]{count:,}[/] ({_readable(size)})")
    if print_fn is not None:
        print_fn(console.end_capture())


def _size(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Number of weights, and of their bytes."""
    return np.array([sum(a.size for a in arrays), sum(a.nbytes for a in arrays)])


def _written(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join(f"[color({45 if size is None else 34})]{size}[/]" for size in shape) + ")"


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} TB"
