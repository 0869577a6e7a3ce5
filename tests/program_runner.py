"""Run the programs of ``tests/programs`` and write down what came out: ``program_runner.py FRAMEWORK FOLDER``.

FRAMEWORK is ``keras`` or ``tinycnn``, which gets the same programs with other import lines. Keras runs first: the
weights that each of its models starts from are those of tinycnn's models, too. Batches are not shuffled, data sets are
small.
"""

from __future__ import annotations

import functools
import importlib
import os
import pickle
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def with_tinycnn(program: str) -> str:
    """The words tensorflow and keras replaced by tinycnn's rooms, in import lines only."""
    for line, instead in (
        (r"^import tensorflow as (\w+)$", r"import tinycnn.tensorflow as \1"),
        (r"^from tensorflow(?=[. ])", "from tinycnn.tensorflow"),
        (r"^import keras$", "from tinycnn import keras"),
        (r"^from keras(?=[. ])", "from tinycnn.keras"),
    ):
        program = re.sub(line, instead, program, flags=re.MULTILINE)
    return program


def data_set(shape: tuple[int, ...], classes: int, column: bool) -> Callable[..., Any]:
    """A ``load_data`` of few images, each class with its own pattern, labels in a row or in a column."""

    def load_data(*_: Any, **__: Any) -> Any:
        rng = np.random.default_rng(classes)
        patterns = rng.integers(0, 128, (classes, *shape))

        def part(n: int) -> tuple[np.ndarray, np.ndarray]:
            labels = rng.integers(0, classes, n).astype("uint8")
            images = (patterns[labels] + rng.integers(0, 128, (n, *shape))).astype("uint8")
            return images, labels[:, None] if column else labels

        return part(64), part(20)

    return load_data


DATA_SETS = {
    "mnist": data_set((28, 28), 10, column=False),
    "fashion_mnist": data_set((28, 28), 10, column=False),
    "cifar10": data_set((32, 32, 3), 10, column=True),
    "cifar100": data_set((32, 32, 3), 100, column=True),
}


class Watch:
    """What models of a framework start from and what becomes of them, from `compile` and `fit`."""

    def __init__(self, framework: str, starts: Iterator[Any] | None):
        self.keras = importlib.import_module("keras" if framework == "keras" else "tinycnn.keras")
        self.starts = starts
        self.loading = False
        self.models: list[Any] = []
        self.initial: list[list[np.ndarray]] = []
        self.histories: list[dict[str, list[float]]] = []
        self._wrap("compile", self._compiled)
        self._wrap("fit", self._fitted)
        self._wrap("load_weights", self._loaded)
        for module in list(sys.modules.values()):
            name = getattr(module, "__name__", "").rpartition("datasets.")[2]
            if name in DATA_SETS and hasattr(module, "load_data"):
                module.load_data = DATA_SETS[name]
            if callable(load_model := vars(module).get("load_model")) and "keras" in module.__name__:
                module.load_model = functools.partial(self._loaded, load_model)

    def start(self) -> None:
        """Before a program: nothing seen, names from the beginning."""
        self.models, self.initial, self.histories = [], [], []
        self.keras.utils.clear_session()
        self.keras.utils.set_random_seed(7)

    def _wrap(self, method: str, instead: Callable[..., Any]) -> None:
        owner = next(cls for cls in self.keras.Sequential.__mro__ if method in vars(cls))
        original = vars(owner)[method]
        setattr(owner, method, lambda model, *args, **kwargs: instead(original, model, *args, **kwargs))

    def _compiled(self, compile: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
        if model.built and not self.loading and not any(model is known for known in self.models):
            self.models.append(model)
            if self.starts is not None:
                model.set_weights(next(self.starts))
            self.initial.append(model.get_weights())
        return compile(model, *args, **kwargs)

    def _fitted(self, fit: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
        history = fit(model, *args, **{**kwargs, "shuffle": False})
        self.histories.append(dict(history.history))
        return history

    def _loaded(self, load_model: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.loading = True
        try:
            return load_model(*args, **kwargs)
        finally:
            self.loading = False


def plain(x: Any) -> Any:
    """Lists, tuples and dicts of arrays, numbers, strings."""
    if isinstance(x, dict):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(part) for part in x]
    return x if isinstance(x, str) or x is None else np.asarray(x)


def run(path: Path, framework: str, watch: Watch) -> dict[str, Any]:
    program = path.read_text(encoding="utf-8")
    folder = Path.cwd() / path.stem
    folder.mkdir()
    os.chdir(folder)
    watch.start()
    namespace: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(with_tinycnn(program) if framework == "tinycnn" else program, str(path), "exec"), namespace)
        error = None
    except Exception:
        error = traceback.format_exc()
    finally:
        os.chdir(folder.parent)
    return {
        "error": error,
        "initial": watch.initial,
        "weights": [model.get_weights() for model in watch.models],
        "histories": plain(watch.histories),
        "results": plain(namespace.get("results")),
    }


def main(framework: str, folder: str) -> None:
    os.chdir(folder)
    known = None
    if framework == "keras":
        importlib.import_module("tensorflow").config.run_functions_eagerly(True)  # so small, tracing takes longest
    else:
        importlib.import_module("tinycnn.tensorflow")
        known = pickle.loads(Path("keras.pkl").read_bytes())
    watch = Watch(framework, None)
    outcomes = {}
    (Path.cwd() / framework).mkdir()
    os.chdir(framework)
    for path in PROGRAMS:
        watch.starts = None if known is None else iter(known[path.stem]["initial"])
        outcomes[path.stem] = run(path, framework, watch)
    Path("..", f"{framework}.pkl").write_bytes(pickle.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
