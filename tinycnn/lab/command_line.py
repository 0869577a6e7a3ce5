"""The arguments: which model, which images, a page or a file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from tinycnn import models
from tinycnn.lab import export, serve
from tinycnn.lab.images import images_for
from tinycnn.saving import load_model

RUNS = Path("runs")
WEIGHTS, CONFIG = "model.weights.h5", "config.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 where there is no such model or the lab cannot be opened."""
    p = argparse.ArgumentParser(
        prog="python -m tinycnn.lab",
        description="Draw a digit and look inside your own network: a page on this machine, or one file.",
    )
    p.add_argument(
        "model", nargs="?", metavar="MODEL", help="a .keras or .h5 file, or a folder that tinycnn.train has written "
        f"(default: the newest under {RUNS}/; where there is none, one is trained while you watch)",
    )  # fmt: skip
    p.add_argument("others", nargs="*", metavar="OTHER", help="further models, to compare side by side")
    p.add_argument("--export", metavar="FILE.html", help="write the page with the model inside, and end")
    p.add_argument("--port", type=int, default=0, help="of 127.0.0.1 (default: any that is free)")
    p.add_argument("--no-browser", action="store_true", help="only print the address")
    options = p.parse_args(argv)
    try:
        given = options.model or newest_run()
        model, data = (fresh_model(), "digits") if given is None else load(given)
        if options.export:
            export(model, options.export)
            print(f"{options.export}: {Path(options.export).stat().st_size / 1000:.0f} kB. Open it in a browser.")
            return 0
        print(f"Looking at {given or 'a new model with batch normalization, which is trained now'}.")
        training, test = images_for(model, data)
        others = [load(name)[0] for name in options.others]
        steps = model.optimizer.iterations
        serve(model, training, test, others, port=options.port, browser=not options.no_browser, train=given is None)
        if model.optimizer.iterations > steps:
            print(f"What it has learned here is in {keep(model)}.")
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        print(f"{p.prog}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def keep(model: Any) -> Path:
    """Save a model that was trained in the lab, beside the runs and over no other file."""
    RUNS.mkdir(exist_ok=True)
    path = RUNS / f"lab_{model.name}.keras"
    numbers = count(2)
    while path.exists():
        path = RUNS / f"lab_{model.name}_{next(numbers)}.keras"
    model.save(path)
    return path


def newest_run() -> Path | None:
    """The run under runs/ whose weights were written last."""
    found = sorted(RUNS.glob(f"*/{WEIGHTS}"), key=lambda path: path.stat().st_mtime) if RUNS.is_dir() else []
    return found[-1].parent if found else None


def load(name: str | os.PathLike[str]) -> tuple[Any, str]:
    """A model, called as its file or folder, and the data set it was trained on, as far as is known.

    Raises:
        ValueError, OSError: a file that is no model, a folder that is no finished run.
    """
    path = Path(name)
    if not path.is_dir():
        model = load_model(path)
        model.name = path.stem  # three models called "sequential" are hard to tell apart
        _compile(model)
        return model, "digits"
    try:
        config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        kind, data = config["model"], config["data"]
        model = {"plain": models.plain, "dropout": models.dropout, "batch_normalization": models.batch_normalization}[
            kind
        ]()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a folder that python -m tinycnn.train has written, found no {CONFIG} of one "
            f"({type(error).__name__})."
        ) from None
    if not (path / WEIGHTS).exists():
        raise ValueError(f"{path}: expected {WEIGHTS}, found none: the run has not finished. Resume it first.")
    model.load_weights(path / WEIGHTS)
    model.name = path.resolve().name
    _compile(model)
    return model, data


def fresh_model() -> Any:
    model = models.batch_normalization()
    model.name = "batch_normalization"
    _compile(model)
    return model


def _compile(model: Any) -> None:
    if model.optimizer is None or getattr(model, "loss", None) is None:
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
