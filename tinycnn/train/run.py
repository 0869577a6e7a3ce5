"""A run: its folder, its settings, the files in it."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinycnn.files import remove_unfinished, replacing, shorten
from tinycnn.train.common import (
    CHECKPOINT,
    DATA,
    FIGURES,
    FILES,
    LARGEST_CONFIG,
    LOCK,
    MODELS,
    NOTES,
    PROG,
    SETTINGS,
    ExitError,
    one_line,
    reason,
)
from tinycnn.trainers.locks import Lock

if TYPE_CHECKING:
    from tinycnn.sequential import Sequential


class Run:
    """A folder, what is to be done there, and what has been written.

    Attributes:
        folder: where the files are.
        lock: keeps other processes out of it.
        config: what config.json holds: settings, and what became of them.
        checkpoint: the file of the training's state.
        written: the files that this process has written.
    """

    def __init__(self, lock: Lock, config: dict[str, Any]):
        self.lock, self.config = lock, config
        self.folder = folder = lock.folder
        self.checkpoint = folder / CHECKPOINT
        self.written: list[Path] = []

    @classmethod
    def open(cls, name: str, epochs: int | None = None) -> Run:
        """A run that was started before, with its settings; where it is to go on, its folder is locked."""
        folder = Path(name)
        run = cls(Lock(folder / LOCK, folder), _read_config(folder))
        if not run.is_complete(epochs):
            with _folder_errors(folder, "Mend its rights."):
                run.lock.acquire()
            try:
                run.config = _read_config(folder)  # again: until now another process may have gone on with it
            except ExitError:
                run.lock.release()
                raise
        return run

    def is_complete(self, epochs: int | None = None) -> bool:
        """Whether nothing is left to be done; so many epochs may be asked for, other than it was started with."""
        return self.config["status"] == "complete" and epochs in (None, self.config["epochs"])

    @property
    def how_to_go_on(self) -> str:
        """The last sentence of an error: the command that continues the run."""
        if not (self.folder / "config.json").exists():
            return "Start again."
        return f"Go on with: {PROG} --resume {shlex.quote(str(self.folder))}"

    def prepare_to_go_on(self) -> None:
        """The folder can be written to, and no process that was killed has left anything half written."""
        with _folder_errors(self.folder, "Mend its rights."):
            _try_to_write(self.folder)
            if self.lock.held:
                for name in FILES:
                    remove_unfinished(self.folder / name)
        former, now = self.config.get("versions"), _versions()
        if former != now:
            print(
                f"{PROG}: warning: the last digits may differ, because the run was started with other versions: "
                f"{shorten(str(former))}, now {now}",
                file=sys.stderr,
            )

    def epochs_done(self, model: Sequential) -> int:
        """How many epochs the checkpoint has behind it, from which this model will go on."""
        from tinycnn.trainers import checkpoints

        try:
            state = checkpoints.read(self.checkpoint)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise ExitError(
                f"expected to read {self.checkpoint}, received: {reason(error)}. Mend its rights."
            ) from error
        except ValueError as error:
            raise ExitError(one_line(error)) from error
        if not _is_of_a_run(state, self.config["epochs"]):
            raise ExitError(
                f"expected the state of a run of {self.config['epochs']} epochs in {self.checkpoint}, received "
                "another. Remove it to train from the beginning."
            )
        try:
            checkpoints.check(model, state["model"])
        except ValueError as error:
            raise ExitError(f"{one_line(error)} {self.how_to_go_on}") from error
        return state["epoch"]

    def write_history(self, history: Mapping[str, list[float]]) -> None:
        def write_csv(path: Path) -> None:
            with open(path, "w", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream)
                writer.writerow(["epoch", *history])
                writer.writerows([i, *row] for i, row in enumerate(zip(*history.values(), strict=True), 1))

        finite = {key: [v if math.isfinite(v) else None for v in values] for key, values in history.items()}
        self._write("history.json", lambda path: _dump(finite, path))
        self._write("history.csv", write_csv)
        if history:
            from tinycnn import plots

            title = f"{MODELS[self.config['model']]} on {DATA[self.config['data']]}"
            self.write_figure(plots.training_curves(history, title), "curves.png")

    def write_weights(self, model: Sequential) -> None:
        from tinycnn.saving import save_weights

        path = self.folder / "model.weights.h5"
        with self._written(path):
            save_weights(model, path)

    def write_figure(self, figure: Any, name: str) -> None:
        self._write(name, lambda temporary: figure.savefig(temporary, format="png"))

    def write_config(self) -> None:
        record = {
            **self.config,
            "versions": _versions(),
            "platform": platform.platform(),
            "processors": os.cpu_count(),
        }
        self._write("config.json", lambda path: _dump(record, path))

    def _write(self, name: str, write: Callable[[Path], object]) -> None:
        """Write a file whole or not at all."""
        path = self.folder / name
        with self._written(path), replacing(path) as temporary:
            write(temporary)

    @contextmanager
    def _written(self, path: Path) -> Iterator[None]:
        """Note the file that is written inside, or say in one line why it was not."""
        try:
            yield
        except OSError as error:
            raise ExitError(
                f"expected to write {path}, received: {reason(error)}. Make room for it. {self.how_to_go_on}"
            ) from error
        if path not in self.written:
            self.written.append(path)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        with open(path, encoding="utf-8") as stream:
            config = json.loads(stream.read(LARGEST_CONFIG))
        wrong = _wrong_settings(config)
    except FileNotFoundError as error:
        raise ExitError(
            f"expected --resume to name the folder of a run, found no config.json in {folder}. Start one: --out."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ExitError(f"expected the settings of a run in {path}, received: {shorten(error)}. Begin anew.") from error
    if wrong:
        raise ExitError(f"expected the settings of a run in {path}, received {wrong}. Begin anew.")
    return config


def _wrong_settings(config: Any) -> str:
    """What is wrong with the settings in a config.json; nothing where it was written by this program.

    Raises:
        ValueError, RecursionError: there is something in it that cannot be written again.
    """
    if not isinstance(config, dict):
        return "something else"
    for name, is_right in SETTINGS.items():
        if name not in config or not is_right(config[name]):
            return f"{name}={shorten(repr(config.get(name)), 200)}"
    for name, is_right in NOTES.items():
        if name in config and not is_right(config[name]):
            return f"{name}={shorten(repr(config[name]), 200)}"
    _json(config)
    return ""


def _is_of_a_run(state: dict[str, Any], epochs: int) -> bool:
    """Whether a checkpoint's History has the four figures of each of its epochs."""
    try:
        done, history = state["epoch"], state["callbacks"]["History 0"]["history"]
        return (
            type(done) is int
            and 0 <= done <= epochs
            and isinstance(state["model"], dict)
            and state["stop_training"] is False
            and state["callbacks"]["History 0"]["epoch"] == list(range(done))
            and history.keys() == (set(FIGURES) if done else set())
            and all(
                len(values) == done and all(type(value) is float for value in values) for values in history.values()
            )
        )
    except (AttributeError, LookupError, TypeError, ValueError):  # ValueError: an array is compared with a list
        return False


def _versions() -> dict[str, str | None]:
    import numpy as np

    import tinycnn

    return {
        "tinycnn": tinycnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": _version("numba"),
    }


def make_folder(out: str | None, model: str) -> Lock:
    """The folder for the run, locked: it can be written to, and holds no earlier run."""
    if out is not None:
        folder = Path(out)
        with _folder_errors(folder, "Choose another --out."):
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(folder)
            earlier = [name for name in (*FILES, CHECKPOINT) if (folder / name).exists()]
        if earlier:
            lock.release()
            raise ExitError(
                f"expected --out without an earlier run in it, received {folder}, which holds {', '.join(earlier)}. "
                f"Choose another folder, or go on with that run: {PROG} --resume {shlex.quote(str(folder))}"
            )
        return lock

    stem = Path("runs") / f"{model}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = stem
    for number in range(2, 1000):  # for runs that start in the same second
        with _folder_errors(folder, "Choose another --out."):
            try:
                folder.mkdir(parents=True)
                return _locked(folder)
            except FileExistsError:
                if not folder.is_dir():
                    raise
                folder = stem.with_name(f"{stem.name}-{number}")
    raise ExitError(f"expected a free name beside {stem}, found none. Name a folder by --out.")


def _locked(folder: Path) -> Lock:
    _try_to_write(folder)
    lock = Lock(folder / LOCK, folder)
    lock.acquire()
    return lock


def _try_to_write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def _folder_errors(folder: Path, advice: str) -> Iterator[None]:
    try:
        yield
    except BlockingIOError as error:  # another process is at work there
        raise ExitError(one_line(error)) from error
    except OSError as error:
        raise ExitError(
            f"expected a folder that can be written to, received {folder} ({reason(error)}). {advice}"
        ) from error


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _dump(value: Any, path: Path) -> None:
    path.write_text(_json(value), encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
