"""The folder of a run and the files in it."""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinycnn.train.common import DATA, FILES, MODELS, ExitError, reason

if TYPE_CHECKING:
    from tinycnn.sequential import Sequential


def make_folder(out: str | None, model: str) -> Path:
    """The folder for the run: it can be written to, and holds no earlier run."""
    if out is not None:
        folder = Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _try_to_write(folder)
            earlier = [name for name in FILES if (folder / name).exists()]
        except OSError as error:
            raise ExitError(_no_folder(folder, error)) from error
        if earlier:
            raise ExitError(
                f"expected --out without an earlier run in it, received {folder}, which holds {', '.join(earlier)}. "
                "Choose another folder."
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


def _write(path: Path, written: list[Path], write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all, and add it to the list."""
    from tinycnn.saving import replacing

    try:
        with replacing(path) as temporary:
            write(temporary)
    except OSError as error:
        raise ExitError(f"expected to write {path}, received: {reason(error)}. Make room for it.") from error
    if path not in written:
        written.append(path)


def write_history(
    history: Mapping[str, list[float]], folder: Path, config: Mapping[str, Any], written: list[Path]
) -> None:
    def write_csv(path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["epoch", *history])
            writer.writerows([i, *row] for i, row in enumerate(zip(*history.values(), strict=True), 1))

    finite = {key: [v if math.isfinite(v) else None for v in values] for key, values in history.items()}
    _write(folder / "history.json", written, lambda path: _dump(finite, path))
    _write(folder / "history.csv", written, write_csv)
    if history:
        from tinycnn import plots

        title = f"{MODELS[config['model']]} on {DATA[config['data']]}"
        write_figure(plots.training_curves(history, title), folder / "curves.png", written)


def write_weights(model: Sequential, folder: Path, written: list[Path]) -> None:
    from tinycnn.saving import save_weights

    path = folder / "model.weights.h5"
    try:
        save_weights(model, path)
    except OSError as error:
        raise ExitError(f"expected to write {path}, received: {reason(error)}. Make room for it.") from error
    written.append(path)


def write_figure(figure: Any, path: Path, written: list[Path]) -> None:
    _write(path, written, lambda temporary: figure.savefig(temporary, format="png"))


def write_config(config: Mapping[str, Any], folder: Path, written: list[Path]) -> None:
    import numpy as np

    import tinycnn

    versions = {
        "tinycnn": tinycnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": _version("numba"),
    }
    record = {**config, "versions": versions, "platform": platform.platform(), "processors": os.cpu_count()}
    _write(folder / "config.json", written, lambda path: _dump(record, path))


def _dump(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
