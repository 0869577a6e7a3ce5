"""Where the time of a training step goes: each part of tinycnn's step, timed within real training on MNIST."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import _common
from benchmarks._common import Json, say

MODELS = ("plain", "dropout", "batch_normalization")
BATCH = 32


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--steps", type=_common.above_zero(int))
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    result = _common.header("profile", sys.argv[1:] if argv is None else argv)
    steps = arguments.steps or (30 if arguments.quick else 400)
    result |= {"settings": {"steps": steps, "batch": BATCH}, "parts": {}}
    for name in MODELS:
        result["parts"][name] = parts_of(name, steps)
        say(f"{name}: {1e3 * sum(result['parts'][name].values()):.2f} ms")
    _common.write_json(target / "profile.json", result)
    plot(result, target / "profile.png")
    return 0


def parts_of(name: str, steps: int) -> dict[str, float]:
    """Seconds (medians over the steps) of every part, in the order of the step."""
    import numpy as np

    import tinycnn
    from tinycnn import models
    from tinycnn.datasets import mnist
    from tinycnn.trainers.outputs import outcome_and_gradient

    tinycnn.set_random_seed(1)
    (x, y), _ = mnist.load_data()
    x = x[..., None].astype(np.float32) / 255
    model: Any = getattr(models, name)()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[: 200 * BATCH], y[: 200 * BATCH], verbose=0)
    order = np.random.default_rng(0).permutation(len(x))
    times: dict[str, list[float]] = {}

    def timed(part: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        value = function(*arguments, **options)
        times.setdefault(part, []).append(time.perf_counter() - start)
        return value

    *body, head = model._steps
    for step in range(steps):
        rows = order[step * BATCH % (len(x) - BATCH) :][:BATCH]
        images, labels = timed("gathering the batch", x.take, rows, axis=0), y[rows]
        value = images
        for number, part in enumerate(body, 1):
            value = timed(f"forward {number}: {label(part)}", part.forward, value, True)
        z = timed(f"forward {len(body) + 1}: {label(head)}", head.forward, value, True, activate=False)
        outcome, dy = timed("loss", outcome_and_gradient, model.loss, head, True, labels, z, None, True)
        for number, part in reversed(list(enumerate([*body, head], 1))):
            backward = part.backward if number > 1 else part.backward_parameters
            dy = timed(f"backward {number}: {label(part)}", backward, dy)
        timed("optimizer", lambda: model.optimizer.apply(model._parameter_vector()))
        timed("metrics", model._figures.update_state, labels, outcome, None)
    return {part: _common.summary(seconds)["median"] for part, seconds in times.items()}


def label(step: Any) -> str:
    return " + ".join(type(layer).__name__ for layer in getattr(step, "layers", [step]))


def plot(result: Json, path: Any) -> None:
    figure, axes = _common.new_figure(12, 7, columns=len(MODELS))
    for ax, (name, parts) in zip(axes, result["parts"].items(), strict=True):
        milliseconds = [1e3 * seconds for seconds in parts.values()]
        ax.barh(range(len(parts)), milliseconds, color=_common.COLOURS["tinycnn"])
        ax.set_yticks(range(len(parts)), list(parts), fontsize=8)
        ax.invert_yaxis()
        ax.set_xlabel("ms")
        ax.set_title(f"{name.replace('_', ' ')}: {sum(milliseconds):.2f} ms", fontsize=11)
    figure.suptitle("Where the time of a training step goes", x=0.01, ha="left")
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())
