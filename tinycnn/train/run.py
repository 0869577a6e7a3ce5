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

from tinycnn.train.common import CHECKPOINT, DATA, FILES, MODELS, PROG, SETTINGS, ExitError, one_line, reason

if TYPE_CHECKING:
    from tinycnn.sequential import Sequential


class Run:
    """A folder, what is to be done there, and what has been written.

    Attributes:
        folder: where the files are.
        config: what config.json holds: settings, and what became of them.
        checkpoint: the file of the training's state.
        written: the files that this process has written.
    """

    def __init__(self, folder: Path, config: dict[str, Any]):
        self.folder, self.config = folder, config
        self.checkpoint = folder / CHECKPOINT
        self.written: list[Path] = []

    @classmethod
    def open(cls, folder: str) -> Run:
        """A run that was started before, with its settings."""
        path = Path(folder) / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ExitError(
                f"expected --resume to name the folder of a run, found no config.json in {folder}. Start one: --out."
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise ExitError(
                f"expected the settings of a run in {path}, received: {one_line(error)}. Begin anew."
            ) from error
        wrong = _wrong_settings(config)
        if wrong:
            raise ExitError(f"expected the settings of a run in {path}, received {wrong}. Begin anew.")
        return cls(Path(folder), config)

    @property
    def how_to_go_on(self) -> str:
        """The last sentence of an error: the command that continues the run."""
        if not (self.folder / "config.json").exists():
            return "Start again."
        return f"Go on with: {PROG} --resume {shlex.quote(str(self.folder))}"

    def prepare_to_go_on(self) -> None:
        """The folder can be written to, and no process that was killed has left anything half written."""
        try:
            _try_to_write(self.folder)
            for name in FILES:
                for left in self.folder.glob(f".{name}.*.tmp"):
                    left.unlink()
        except OSError as error:
            raise ExitError(
                f"expected a folder that can be written to, received {self.folder} ({reason(error)}). Mend its rights."
            ) from error
        former, now = self.config.get("versions"), _versions()
        if former != now:
            print(
                f"{PROG}: warning: the last digits may differ, because the run was started with other versions: "
                f"{former}, now {now}",
                file=sys.stderr,
            )

    def epochs_done(self) -> int:
        """How many epochs the checkpoint has behind it."""
        from tinycnn import checkpoints

        try:
            return int(checkpoints.read(self.checkpoint)["epoch"])
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ExitError(one_line(error)) from error

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
        from tinycnn.files import replacing

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


def _wrong_settings(config: Any) -> str:
    """What is wrong with the settings in a config.json; nothing where it was written by this program."""
    if not isinstance(config, dict) or not isinstance(config.get("arguments"), dict):
        return "something else"
    for name, is_right in SETTINGS.items():
        if name not in config or not is_right(config[name]):
            return f"{name}={config.get(name)!r}"
    return ""


def _versions() -> dict[str, str | None]:
    import numpy as np

    import tinycnn

    return {
        "tinycnn": tinycnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": _version("numba"),
    }


def make_folder(out: str | None, model: str) -> Path:
    """The folder for the run: it can be written to, and holds no earlier run."""
    if out is not None:
        folder = Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _try_to_write(folder)
            earlier = [name for name in (*FILES, CHECKPOINT) if (folder / name).exists()]
        except OSError as error:
            raise ExitError(_no_folder(folder, error)) from error
        if earlier:
            raise ExitError(
                f"expected --out without an earlier run in it, received {folder}, which holds {', '.join(earlier)}. "
                f"Choose another folder, or go on with that run: {PROG} --resume {shlex.quote(str(folder))}"
            )
        return folder

    stem = Path("runs") / f"{model}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = stem
    for number in range(2, 1000):  # for runs that start in the same second
        try:
            folder.mkdir(parents=True)
            _try_to_write(folder)
            return folder
        except FileExistsError as error:
            if not folder.is_dir():
                raise ExitError(_no_folder(folder, error)) from error
            folder = stem.with_name(f"{stem.name}-{number}")
        except OSError as error:
            raise ExitError(_no_folder(folder, error)) from error
    raise ExitError(f"expected a free name beside {stem}, found none. Name a folder by --out.")


def _try_to_write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _no_folder(folder: Path, error: OSError) -> str:
    return f"expected a folder that can be written to, received {folder} ({reason(error)}). Choose another --out."


def _dump(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
