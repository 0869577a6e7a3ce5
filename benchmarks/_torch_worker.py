"""The worker for PyTorch, in three modes: eager, channels_last, compiled. Needs torch and NumPy, not tinycnn."""

from __future__ import annotations

import importlib
import platform
from typing import Any

import numpy as np

from benchmarks._worker import Stopwatch, serve

torch: Any = importlib.import_module("torch")  # perhaps not installed where the types are checked
nn = torch.nn

MODES = ("eager", "channels_last", "compiled")


def network(name: str) -> Any:
    """The notebook's model with Keras's settings; the softmax is in the loss, as in both other frameworks."""
    normalize, drop = name == "batch_normalization", name == "dropout"

    def norm2d(channels: int) -> list[Any]:
        return [nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)] if normalize else []

    def dropout(rate: float) -> list[Any]:
        return [nn.Dropout(rate)] if drop else []

    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), *norm2d(32), nn.MaxPool2d(2), *dropout(0.25),
        nn.Conv2d(32, 64, 3), nn.ReLU(), *norm2d(64), nn.MaxPool2d(2), *dropout(0.25),
        nn.Flatten(), nn.Linear(1600, 64), nn.ReLU(),
        *([nn.BatchNorm1d(64, eps=1e-3, momentum=0.01)] if normalize else []), *dropout(0.5),
        nn.Linear(64, 10),
    )  # fmt: skip


def set_weights(net: Any, weights: list[np.ndarray]) -> None:
    """Keras's arrays in Keras's order, turned into PyTorch's axes."""
    remaining = iter(weights)
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Conv2d):
                arrays = {"weight": next(remaining).transpose(3, 2, 0, 1), "bias": next(remaining)}
            elif isinstance(layer, nn.Linear):
                kernel = next(remaining)
                if len(kernel) == 1600:  # behind Flatten: rows in the order (h, w, channel) become (channel, h, w)
                    kernel = kernel.reshape(5, 5, 64, -1).transpose(2, 0, 1, 3).reshape(1600, -1)
                arrays = {"weight": kernel.T, "bias": next(remaining)}
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                names = ("weight", "bias", "running_mean", "running_var")
                arrays = {name: next(remaining) for name in names}
            else:
                continue
            for name, array in arrays.items():
                getattr(layer, name).copy_(torch.from_numpy(np.ascontiguousarray(array)))


class TorchWorker:
    def __init__(self) -> None:
        torch.manual_seed(1)
        self.models: dict[tuple[str, str], Any] = {}
        self.stopwatch = Stopwatch()
        self.x, self.y = torch.zeros(0), torch.zeros(0)
        self.loss = nn.CrossEntropyLoss()

    def versions(self) -> dict[str, str]:
        return {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}

    def read_data(self, path: str) -> None:
        with np.load(path) as file:
            self.x = torch.from_numpy(file["x"].reshape(-1, 1, 28, 28).astype("float32") / np.float32(255))
            self.y = torch.from_numpy(file["y"].astype("int64"))

    def losses(self, model: str, mode: str, batch: int, path: str) -> list[float]:
        """As in _sequential_worker.py; makes the model."""
        net = network(model)
        with np.load(path) as file:
            set_weights(net, [file[name] for name in file.files])
        if mode == "channels_last":
            net = net.to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.001, eps=1e-7, fused=True)  # no slower than its other ways
        run = torch.compile(net) if mode == "compiled" else net
        self.models[model, mode] = net, run, optimizer
        x, y = self._batch(mode, torch.arange(batch))
        net.eval()
        with torch.no_grad():
            losses = [float(self.loss(net(x), y))]
        net.train()
        # Keras adds epsilon to the uncorrected root of v: in the first step, that is this epsilon in PyTorch's formula.
        optimizer.param_groups[0]["eps"] = 1e-7 / (1 - 0.999) ** 0.5
        for _ in range(0 if model == "dropout" else 2):
            losses.append(float(self._step(model, mode, x, y)))
        optimizer.param_groups[0]["eps"] = 1e-7
        return losses

    def _batch(self, mode: str, rows: Any) -> tuple[Any, Any]:
        x = self.x[rows]
        return (x.contiguous(memory_format=torch.channels_last) if mode == "channels_last" else x), self.y[rows]

    def _step(self, model: str, mode: str, x: Any, y: Any) -> Any:
        _, run, optimizer = self.models[model, mode]
        loss = self.loss(run(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    def train(self, model: str, mode: str, steps: int, batch: int) -> dict[str, float]:
        """A plain loop over shuffled batches: no metrics and no progress bar, which favours PyTorch a little."""

        def epoch() -> None:
            total = torch.zeros(())
            order = torch.randperm(steps * batch)
            for start in range(0, steps * batch, batch):
                total += self._step(model, mode, *self._batch(mode, order[start : start + batch]))

        return self.stopwatch.time(epoch)


if __name__ == "__main__":
    worker = TorchWorker()
    serve({name: getattr(worker, name) for name in ("versions", "read_data", "losses", "train")})
