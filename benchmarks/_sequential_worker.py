"""The worker for tinycnn and for Keras: one program, of which only an import differs.

``python -m benchmarks._sequential_worker tinycnn`` or ``... keras``; see _worker.py for the protocol.
"""

from __future__ import annotations

import importlib
import platform
import sys
from typing import Any

import numpy as np

from benchmarks import _models
from benchmarks._worker import Stopwatch, peak_memory_mb, serve


class SequentialWorker:
    def __init__(self, framework: str):
        self.framework = framework
        self.keras: Any = importlib.import_module("tinycnn.keras" if framework == "tinycnn" else "keras")
        self.keras.utils.set_random_seed(1)
        self.models: dict[str, Any] = {}
        self.stopwatch = Stopwatch()
        self.x_train: Any = None
        self.y_train: Any = None
        self.x_test: Any = None
        self.y_test: Any = None

    def versions(self) -> dict[str, str]:
        names = ("numpy", "numba") if self.framework == "tinycnn" else ("numpy", "tensorflow")
        versions = {name: importlib.import_module(name).__version__ for name in (self.framework, *names)}
        if self.framework == "tinycnn":
            versions["numba threading layer"] = importlib.import_module("numba").threading_layer()
        return {"python": platform.python_version(), **versions}

    def find_data(self, path: str) -> dict[str, str]:
        """Write MNIST, or where there is none the bundled digits, to ``path`` for all workers."""
        from tinycnn.datasets import DownloadError, digits, mnist

        try:
            (x, y), (x_test, y_test) = mnist.load_data()
            name, reason = "mnist", ""
        except (DownloadError, FileNotFoundError) as error:
            training, test = digits.load_data()
            x, y = (np.resize(array, (60_000, *array.shape[1:])) for array in training)
            x_test, y_test = (np.resize(array, (10_000, *array.shape[1:])) for array in test)
            name, reason = "digits", str(error).splitlines()[0]
        np.savez(path, x=x, y=y, x_test=x_test, y_test=y_test)
        return {"name": name, "reason": reason}

    def read_data(self, path: str) -> None:
        with np.load(path) as file:
            self.x_train, self.x_test = (
                file[name].reshape(-1, 28, 28, 1).astype("float32") / np.float32(255) for name in ("x", "x_test")
            )
            self.y_train, self.y_test = file["y"], file["y_test"]

    def random_data(self, samples: int, image: int) -> None:
        rng = np.random.default_rng(1)
        self.x_train = rng.random((samples, image, image, 1), dtype="float32")
        self.y_train = rng.integers(0, 10, samples).astype("uint8")

    def build(self, model: str) -> None:
        self.models[model] = _models.notebook(self.keras, model)

    def build_grid(self, image: int, channels: int, depth: int) -> None:
        self.models["grid"] = _models.grid(self.keras, image, channels, depth)

    def save_weights(self, model: str, path: str) -> None:
        np.savez(path, *self.models[model].get_weights())

    def load_weights(self, model: str, path: str) -> None:
        with np.load(path) as file:
            self.models[model].set_weights([file[name] for name in file.files])

    def losses(self, model: str, batch: int, path: str) -> list[float]:
        """Loss of one batch: in inference mode; and, without dropout's chance, of two training steps on that batch.

        The second step's loss depends on the first one's gradients and update. The model is made anew.
        """
        self.build(model)
        self.load_weights(model, path)
        network, x, y = self.models[model], self.x_train[:batch], self.y_train[:batch]
        losses = [network.test_on_batch(x, y)[0]]
        for _ in range(0 if model == "dropout" else 2):
            network.reset_metrics()
            losses.append(network.train_on_batch(x, y)[0])
        self.load_weights(model, path)
        return [float(loss) for loss in losses]

    def train(self, model: str, steps: int, batch: int) -> dict[str, float]:
        """One call of ``fit``: shuffling, gathering the batches, and all that users get is in the time."""
        x, y = self.x_train[: steps * batch], self.y_train[: steps * batch]
        if len(x) < steps * batch:
            raise ValueError(f"train: expected at most {len(self.x_train) // batch} steps, received {steps}.")
        return self.stopwatch.time(lambda: self.models[model].fit(x, y, batch_size=batch, epochs=1, verbose=0))

    def evaluate(self, model: str) -> dict[str, float]:
        return self.stopwatch.time(lambda: self.models[model].evaluate(self.x_test, self.y_test, verbose=0))

    def peak_memory_mb(self) -> float:
        return peak_memory_mb()


def handlers(worker: Any) -> dict[str, Any]:
    return {name: getattr(worker, name) for name in dir(worker) if callable(getattr(worker, name)) and name[0] != "_"}


if __name__ == "__main__":
    serve(handlers(SequentialWorker(sys.argv[1])))
