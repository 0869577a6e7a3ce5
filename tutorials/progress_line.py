"""Why the notebook's training losses of the first epoch are so high: Keras's progress line averaged twice.

    python -m tutorials.progress_line     # a minute; needs MNIST

``fit`` hands the running mean of the loss to the progress line after each batch; until 2026 Keras's line showed the
mean of these, not the last (https://github.com/keras-team/keras/issues/21301). For the notebook's three models this
trains one epoch on MNIST and keeps both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tinycnn
from tinycnn import models, utils
from tinycnn.callbacks import LambdaCallback
from tinycnn.datasets import mnist
from tinycnn.files import replacing

RESULTS = Path(__file__).with_name("results") / "progress_line.json"
SEED = 42


def first_epoch(name: str, x: Any, y: Any) -> dict[str, float]:
    """The mean loss of an epoch, and the mean of its running means."""
    utils.set_random_seed(SEED)
    model = getattr(models, name)()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    running: list[float] = []
    keep = LambdaCallback(on_train_batch_end=lambda batch, logs: running.append(float(logs["loss"])))
    history = model.fit(x, y, verbose=0, callbacks=[keep]).history
    return {"mean": history["loss"][0], "mean_of_running_means": sum(running) / len(running)}


def main() -> None:
    (x, y), _ = mnist.load_data()
    x = x[:-10_000].reshape(-1, 28, 28, 1).astype("float32") / 255  # the rest validates
    runs = {name: first_epoch(name, x, y[:-10_000]) for name in ("plain", "dropout", "batch_normalization")}
    result = {
        "command": "python -m tutorials.progress_line",
        "seed": SEED,
        "tinycnn": tinycnn.__version__,
        "runs": runs,
    }
    with replacing(RESULTS) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, losses in runs.items():
        print(f"{name:20} mean {losses['mean']:.4f}, mean of running means {losses['mean_of_running_means']:.4f}")


if __name__ == "__main__":
    main()
