"""The units in their order, and the files that belong to each.

    units/03_dense_backward/task.py       what the learner gets: signatures, docstrings, and bodies to be written
                            check.py      ``RUNGS``, the functions that try it, easiest first
                            hints.md      what to read when the other hints were not enough
                            solution.py   one way to write it
    units/18_bug_hunt/wrong_layers/       a folder is handed to the learner as it is

A milestone has no task: it trains with what was written before.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

UNITS = Path(__file__).parent / "units"


@dataclass(frozen=True)
class Unit:
    """One step of the course. ``number`` is "01" to "18", of a milestone "A", "B" or "C"."""

    number: str
    name: str
    title: str
    functions: tuple[str, ...] = ()  # that the learner writes
    needs: tuple[str, ...] = ()  # numbers of the units before whose functions its check calls

    @property
    def folder(self) -> Path:
        return UNITS / f"{self.number}_{self.name}"

    @property
    def is_milestone(self) -> bool:
        return self.number.isalpha()

    @property
    def file(self) -> str:
        """The learner's file; its name can be imported, and sorts in the order of the course."""
        return f"unit_{self.number}_{self.name}.py"

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @cached_property
    def check(self) -> Any:
        """The module check.py."""
        spec = importlib.util.spec_from_file_location(f"tinycnn_check_{self.number}", self.folder / "check.py")
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        return module

    @property
    def rungs(self) -> Sequence[Callable[..., None]]:
        return self.check.RUNGS

    @property
    def variants(self) -> list[str]:
        """Names of the versions of its last exercise, of which each learner gets one."""
        return list(dict.fromkeys(re.findall(r"^# variant (\w+)$", self._text("solution.py"), re.MULTILINE)))

    def task(self, variant: str | None) -> str:
        return only_variant(self._text("task.py"), variant)

    def solution(self, variant: str | None) -> str:
        return only_variant(self._text("solution.py"), variant)

    def hints(self) -> str:
        return self._text("hints.md")

    @property
    def handed_out(self) -> dict[str, str]:
        """What the learner gets beside the task: files in folders, by their path."""
        files = sorted(self.folder.glob("*/*.py"))
        return {file.relative_to(self.folder).as_posix(): file.read_text(encoding="utf-8") for file in files}

    def _text(self, file: str) -> str:
        path = self.folder / file
        return path.read_text(encoding="utf-8") if path.exists() else ""


def only_variant(text: str, variant: str | None) -> str:
    """A file without the blocks of the other variants: ``# variant NAME`` to ``# end``."""

    def choose(block: re.Match[str]) -> str:
        return block["body"] if block["name"] == variant else ""

    text = re.sub(r"^# variant (?P<name>\w+)\n(?P<body>.*?)^# end\n", choose, text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\n{4,}", "\n\n\n", text).rstrip() + "\n"


COURSE = (
    Unit("01", "slope", "a derivative by wiggling", ("slope",)),
    Unit("02", "dense_forward", "a dense layer, forward", ("dense_forward",)),
    Unit("03", "dense_backward", "a dense layer, backward", ("dense_backward",), needs=("02",)),
    Unit("04", "relu", "relu, both ways", ("relu_forward", "relu_backward")),
    Unit(
        "05", "softmax_crossentropy", "probabilities, their loss, and its gradient", ("softmax", "softmax_crossentropy")
    ),
    Unit("06", "optimizers", "SGD, then Adam", ("sgd", "adam")),
    Unit(
        "A",
        "dense_network",
        "milestone: a dense network learns digits with your code",
        needs=("02", "03", "04", "05", "06"),
    ),
    Unit("07", "convolution_by_windows", "a convolution, window by window", ("conv2d_by_windows",)),
    Unit("08", "convolution_by_taps", "a convolution, tap by tap", ("conv2d_by_taps", "convolution_of_your_own")),
    Unit("09", "convolution_kernel_gradient", "the gradient of the kernel", ("conv2d_backward_kernel",), needs=("08",)),
    Unit("10", "convolution_input_gradient", "the gradient of the images", ("conv2d_backward_input",), needs=("08",)),
    Unit(
        "11",
        "max_pooling",
        "the largest of a window, and who gets its gradient",
        ("max_pooling2d_forward", "max_pooling2d_backward", "pooling_of_your_own"),
    ),
    Unit(
        "B",
        "plain_cnn",
        "milestone: the plain CNN, and one step equal to Keras's",
        needs=("02", "03", "04", "05", "06", "08", "09", "10", "11"),
    ),
    Unit("12", "dropout", "dropout, one mask for both ways", ("dropout_mask", "dropout_forward", "dropout_backward")),
    Unit(
        "13",
        "batch_normalization",
        "batch normalization in training",
        ("batch_normalization_forward", "normalization_of_your_own"),
    ),
    Unit(
        "14", "moving_averages", "moving averages, and inference", ("moving_average", "batch_normalization_inference")
    ),
    Unit(
        "15",
        "batch_normalization_backward",
        "the way back through the statistics, node by node",
        ("batch_normalization_backward",),
        needs=("13",),
    ),
    Unit(
        "16",
        "batch_normalization_folded",
        "the same folded into one line",
        ("batch_normalization_backward_folded",),
        needs=("13", "15"),
    ),
    Unit(
        "C",
        "three_models",
        "milestone: the notebook's three models, on your kernels",
        needs=("02", "03", "04", "05", "06", "08", "09", "10", "11", "12", "13", "14", "15", "16"),
    ),
    Unit("17", "fold", "a batch normalization folded into its convolution", ("fold",)),
    Unit("18", "bug_hunt", "write the check that finds the wrong layers", ("is_right",)),
)


def file_with(function: str) -> str:
    """The learner's file in which a function of the course stands."""
    return next(unit.file for unit in COURSE if function in unit.functions)


def find(name: str) -> Unit:
    """A unit by its number, name or both: ``3``, ``03``, ``dense_backward``, ``unit_03_dense_backward.py``, ``a``.

    Raises:
        ValueError: no unit is called so.
    """
    wanted = name.strip().lower().removeprefix("unit_").removesuffix(".py").replace("-", "_").replace(" ", "_")
    for unit in COURSE:
        if wanted in (unit.number.lower(), unit.number.lstrip("0"), unit.name, f"{unit.number.lower()}_{unit.name}"):
            return unit
    numbers = ", ".join(unit.number for unit in COURSE)
    raise ValueError(f"learn: expected the number or name of a unit ({numbers}), received {name!r}. See: list")
