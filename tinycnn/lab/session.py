"""A model in the lab: what is asked of it, and its training, on a thread of its own."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinycnn.lab import looks
from tinycnn.trainers.callbacks import Callback

Array = np.ndarray
Split = tuple[Array, Array]

BATCH = 32
_TEXT = "text/plain; charset=utf-8"
EPOCHS = 1000  # until it is stopped
LOOKED_AT = 100  # test images whose activations are shown
READ = 500  # test images that are read, to find the misread ones
SHARE = 1 / 100  # of a training's time that may go into them
IMAGES = 16  # that one request may bring
SMALLEST_LIMIT = 64_000  # bytes; a body of fewer is never too large


class NotPossible(Exception):  # noqa: N818  an answer, not an error of the program
    """What was asked for cannot be done with this model or these images; the page shows the sentence."""


class Session:
    """Answers what the page asks, see page/README.md.

    Args:
        model: what is looked at.
        training, test: images as the model takes them and labels, or None where there are none that suit it.
        others: further models, for the drawing side by side.
        labels: names of the classes.
        trained_elsewhere: somebody else calls `fit`, with ``watch`` among its callbacks.

    Raises:
        ValueError: a model that does not take one image and give one output.
    """

    def __init__(
        self,
        model: Any,
        training: Split | None = None,
        test: Split | None = None,
        others: Sequence[Any] = (),
        labels: list[str] | None = None,
        trained_elsewhere: bool = False,
    ):
        self.description = looks.description(model, labels)
        self.model, self.others = model, [model, *others]
        self.data, self.test = training, test
        self.watch, self.trained_elsewhere = Watch(), trained_elsewhere
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self.failure = ""
        self._measuring = threading.Lock()
        self._measured: dict[str, Any] = {}
        self._measured_at, self._due = -1, 0.0

    @property
    def largest_body(self) -> int:
        """Bytes of the images that one request may bring."""
        return max(SMALLEST_LIMIT, 4 * IMAGES * int(np.prod(self.description["input_shape"])))

    # Answers: bytes of float32, or JSON

    def answer(self, path: str, body: Array | None) -> bytes | dict[str, Any] | list[Any]:
        """What a request gives; ``body``: the numbers that came with it.

        Raises:
            KeyError: no such request.
            NotPossible: it cannot be done.
        """
        name, *rest = path.split("/")
        if rest and not all(part.isdigit() for part in rest):
            raise KeyError(path)
        numbers = [int(part) for part in rest]
        ask, count, method = self._requests[name]
        if len(numbers) != count or method != ("GET" if body is None else "POST"):
            raise KeyError(path)
        return ask(self, body, *numbers)

    def respond(self, path: str, body: Array | None) -> tuple[int, bytes, str]:
        """The same for the server: status, content and its type; what cannot be done is a sentence."""
        try:
            found = self.answer(path, body)
        except KeyError:
            return 404, f"lab: expected one of {', '.join(self._requests)}, received {path!r}.".encode(), _TEXT
        except NotPossible as error:
            return 409, f"lab: {error}".encode(), _TEXT
        except Exception as error:  # the page is to show it, and the program to go on
            return 500, f"lab: {type(error).__name__}: {error}".encode(), _TEXT
        if isinstance(found, bytes):
            return 200, found, "application/octet-stream"
        return 200, to_json(found), "application/json"

    def _images(self, body: Array, at_most: int = 1) -> Array:
        shape = tuple(self.description["input_shape"])
        size = int(np.prod(shape))
        if body.size == 0 or body.size % size or body.size > at_most * size or not np.isfinite(body).all():
            raise NotPossible(f"expected 1 to {at_most} images of {size} finite numbers, received {body.size} numbers.")
        return body.reshape(-1, *shape)

    def _layer(self, place: int) -> int:
        if place >= len(self.description["layers"]):
            raise NotPossible(
                f"expected the place of one of {len(self.description['layers'])} layers, received {place}."
            )
        return place

    def _weights(self, _: None, place: int) -> bytes:
        return _floats(looks.weights(self.model, self._layer(place)))

    def _look(self, body: Array) -> bytes:
        return _floats(looks.outputs(self.model, self._images(body)))

    def _predict(self, body: Array) -> bytes:
        return _floats([looks.predictions(self.model, self._images(body, at_most=IMAGES))])

    def _in_training(self, body: Array) -> bytes:
        return _floats(looks.in_training(self.model, self._images(body, at_most=IMAGES)))

    def _dropout(self, body: Array, place: int, count: int) -> bytes:
        if not 1 <= count <= 100:
            raise NotPossible(f"expected 1 to 100 masks, received {count}.")
        try:
            return _floats(looks.dropped(self.model, self._layer(place), count, self._images(body)))
        except ValueError as error:
            raise NotPossible(str(error)) from None

    def _step(self, body: Array, label: int) -> bytes:
        x, y = self._training_images()
        classes = int(np.prod(self.model.output_shape[1:]))
        if label >= classes:
            raise NotPossible(f"expected a label from 0 to {classes - 1}, received {label}.")
        rows = np.random.default_rng(0).permutation(len(x))[: BATCH - 1]
        batch = np.concatenate([self._images(body), x[rows]]).astype(np.float32)
        try:
            return _floats(looks.step(self.model, batch, np.concatenate([[label], y[rows]])))
        except (RuntimeError, ValueError, TypeError) as error:
            raise NotPossible(str(error)) from None

    def _compare(self, body: Array) -> list[Any]:
        x = self._images(body)
        return [{"name": m.name, "output": looks.predictions(m, x)[0].ravel().tolist()} for m in self.others]

    def _training_images(self) -> Split:
        if self.data is None:
            shape = "x".join(map(str, self.description["input_shape"]))
            raise NotPossible(f"expected training images of {shape}, found none: digits are 28x28x1.")
        return self.data

    # Training

    @property
    def running(self) -> bool:
        return self.watch.fitting or (self._thread is not None and self._thread.is_alive())

    def _training(self, _: None) -> dict[str, Any]:
        """What `fit` knows anyway: the page asks for it every second, so it must cost a training nothing."""
        history = getattr(self.model.history, "history", None) or {}
        return self.watch.state() | {"running": self.running, "failure": self.failure, "history": _lists(history)}

    def _activations(self, _: None) -> dict[str, Any]:
        """Histograms and misread images, measured again when the weights have changed.

        In a training the last ones are given until so long has passed that measuring takes SHARE of the time.
        """
        test = self.test or self.data
        if test is None:
            return {"layers": [], "misread": []}
        with self._measuring:
            version = self.watch.version
            start = time.perf_counter()
            if version != self._measured_at and (start >= self._due or not self.running):
                x, y = test
                misread = [
                    {"pixels": _pixels(x[i]), "label": int(y[i]), "answer": answer, "share": share}
                    for i, answer, share in looks.misread(self.model, x[:READ], y[:READ])
                ]
                self._measured = {"layers": looks.histograms(self.model, x[:LOOKED_AT]), "misread": misread}
                end = time.perf_counter()
                self._measured_at, self._due = version, end + (end - start) / SHARE
            return self._measured

    def _here(self) -> None:
        if self.trained_elsewhere:
            raise NotPossible("the command that opened this page trains the model; Ctrl-C in its terminal ends it.")

    def _train(self, _: Array) -> dict[str, Any]:
        self._here()
        x, y = self._training_images()
        self.model._require_compiled("train")
        with self._starting:
            if self.running:
                raise NotPossible("it trains already.")
            self.failure = ""
            self._stopped.clear()
            self._thread = threading.Thread(target=self._fit, args=(x, y), daemon=True)
            self._thread.start()
        return {}

    def _fit(self, x: Array, y: Array) -> None:
        try:
            self.model.fit(
                x, y, BATCH, epochs=EPOCHS, validation_data=self.test, verbose=0,
                callbacks=[self.watch, _Stop(self._stopped)],
            )  # fmt: skip
        except Exception as error:  # of the training's thread: the page is to show it
            self.failure = str(error)

    def _stop(self, _: Array) -> dict[str, Any]:
        self._here()
        self._stopped.set()
        return {}

    def close(self) -> None:
        """End a training after its step, and wait for it."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    _requests: dict[str, tuple[Callable[..., Any], int, str]]


Session._requests = {
    "model": (lambda self, _: self.description, 0, "GET"),
    "weights": (Session._weights, 1, "GET"),
    "training": (Session._training, 0, "GET"),
    "activations": (Session._activations, 0, "GET"),
    "look": (Session._look, 0, "POST"),
    "predict": (Session._predict, 0, "POST"),
    "in_training": (Session._in_training, 0, "POST"),
    "dropout": (Session._dropout, 2, "POST"),
    "step": (Session._step, 1, "POST"),
    "compare": (Session._compare, 0, "POST"),
    "train": (Session._train, 0, "POST"),
    "stop": (Session._stop, 0, "POST"),
}


class Watch(Callback):
    """Where a training is. It only counts: what is shown of it is looked at when somebody asks."""

    def __init__(self) -> None:
        super().__init__()
        self.version = self.epoch = self.step = self.steps = 0
        self.logs: dict[str, float] = {}
        self.fitting = False

    def on_train_begin(self, logs: Any = None) -> None:
        self.fitting = True

    def on_train_end(self, logs: Any = None) -> None:
        self.fitting = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch, self.step = epoch + 1, 0
        self.steps = self.params.get("steps") or 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.step, self.version = batch + 1, self.version + 1
        self.logs = {name: float(value) for name, value in (logs or {}).items()}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.logs = {name: float(value) for name, value in (logs or {}).items()}

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("version", "epoch", "step", "steps", "logs")}


class _Stop(Callback):
    def __init__(self, stopped: threading.Event):
        super().__init__()
        self._stopped = stopped

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._stopped.is_set():
            self.model.stop_training = True


def _floats(arrays: Sequence[Array]) -> bytes:
    return b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays)


def _pixels(image: Array) -> str:
    """An image's greys as bytes in base64; of several channels their mean."""
    greys = image.mean(axis=-1) if image.ndim == 3 else image
    return base64.b64encode(np.clip(255 * greys, 0, 255).round().astype(np.uint8).tobytes()).decode("ascii")


def _lists(history: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [float(value) for value in values] for name, values in history.items()}


def to_json(value: Any) -> bytes:
    """JSON that a browser reads: NaN and infinity become null."""

    def plain(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: plain(item) for key, item in one.items()}
        if isinstance(one, (list, tuple)):
            return [plain(item) for item in one]
        return None if isinstance(one, float) and not np.isfinite(one) else one

    return json.dumps(plain(value)).encode()
