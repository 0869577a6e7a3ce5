"""Train one of the notebook's models from the command line: ``python -m tinycnn.train [--bn | --dropout]``.

The recipe is the notebook's: pixels from 0 to 1, the last sixth of the training images for validation (of MNIST's
60,000 the last 10,000), Adam with a learning rate of 0.001, batches of 32, sparse categorical cross-entropy. Of the
bundled digits every sixth image is for validation: they are sorted by the forms they were written on, and the last
sixth would be hands that the training set does not know, while the test set is made of those that it does.

What it writes into its folder:
    history.json, history.csv   loss and accuracy of every epoch (in the CSV file numbered from 1)
    curves.png                  the same as a picture
    model.weights.h5            the weights, as Keras writes them
    kernels.png                 the kernels of the first convolution
    misclassified.png           the most confident mistakes on the test set
    config.json                 all that is needed to repeat the run, and its result; its "status" is "trained"
                                until the test is done and then "complete", or "interrupted", or "failed"

Exit codes: 0; 1 with one line on what failed; 2 for arguments that make no sense; 130 after Ctrl-C, when history and
weights so far have been written.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import platform
import shlex
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Matplotlib, h5py and the data are imported where they are needed, so that --help and usage errors come quickly.
if TYPE_CHECKING:
    import numpy as np

    from tinycnn.sequential import Sequential

    Split = tuple[np.ndarray, np.ndarray]

PROG = "python -m tinycnn.train"
EPOCHS = {"mnist": 10, "digits": 40}
DATA = {"mnist": "MNIST", "digits": "the bundled digits"}
MODELS = {
    "plain": "Plain model",
    "dropout": "Model with dropout",
    "batch_normalization": "Model with batch normalization",
}
FILES = (
    "history.json",
    "history.csv",
    "curves.png",
    "model.weights.h5",
    "kernels.png",
    "misclassified.png",
    "config.json",
)


class _ExitError(Exception):
    """The run ends early, as can happen without a mistake in the program: an exit code, and a line that says why."""

    def __init__(self, line: str, code: int = 1):
        super().__init__(line)
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say (by default those of the command line); returns the exit code.

    Raises:
        SystemExit: 2 for arguments that make no sense, 0 after --help.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    command = shlex.join([*PROG.split(), *(sys.argv[1:] if argv is None else argv)])
    written: list[Path] = []
    try:
        try:
            _train(parser, arguments, command, written)
        finally:
            if written:
                print("Files written:", *written, sep="\n  ", flush=True)
    except _ExitError as error:
        print(f"{PROG}: {'error: ' if error.code == 1 else ''}{error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"{PROG}: interrupted", file=sys.stderr)
        return 130
    return 0


def _train(parser: argparse.ArgumentParser, arguments: argparse.Namespace, command: str, written: list[Path]) -> None:
    from tinycnn import models, utils

    name, (images, labels), (test_images, test_labels) = _load_data(arguments.data)
    if arguments.subset is not None and arguments.subset > len(images):
        parser.error(
            f"argument --subset: expected at most the {len(images)} training images of {name}, "
            f"received {arguments.subset}"
        )
    training, validation = _split(name, _scaled(images[: arguments.subset]), labels[: arguments.subset])
    test = _scaled(test_images), test_labels
    folder = _make_folder(arguments.out, arguments.model)

    utils.set_random_seed(arguments.seed)
    model = getattr(models, arguments.model)()
    epochs = arguments.epochs or EPOCHS[name]
    sizes = {"training": len(training[0]), "validation": len(validation[0]), "test": len(test[0])}
    config: dict[str, Any] = {
        "status": "failed",
        "command": command,
        "arguments": {key: value for key, value in vars(arguments).items() if value is not None},
        "model": arguments.model,
        "data": name,
        "images": sizes,
        "epochs": epochs,
        "batch_size": arguments.batch_size,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    _compile(model, arguments)
    config["kernels"] = model.layers[0].kernels.name
    print(
        f"{MODELS[arguments.model]} on {DATA[name]}: {epochs} epoch{'s' if epochs > 1 else ''}, "
        f"{config['kernels']} kernels, seed {arguments.seed}"
    )
    print("Images: " + ", ".join(f"{n:,} for {part}" for part, n in sizes.items()))
    model.summary()
    sys.stdout.flush()

    _fit(model, training, validation, epochs, arguments, folder, config, written)
    _test(model, test, arguments, folder, config, written)


def _fit(
    model: Sequential,
    training: Split,
    validation: Split,
    epochs: int,
    arguments: argparse.Namespace,
    folder: Path,
    config: dict[str, Any],
    written: list[Path],
) -> None:
    """Train, and write what was learned, also where training was interrupted or failed."""
    from tinycnn.interrupt import Interrupt

    failure, interrupted = "", False
    start = time.perf_counter()
    try:
        model.fit(
            *training,
            batch_size=arguments.batch_size,
            epochs=epochs,
            verbose=arguments.verbose,
            validation_data=validation,
        )
    except FloatingPointError as error:
        failure = _one_line(error)
    except KeyboardInterrupt:  # the second Ctrl-C, which does not wait for the end of the step
        interrupted = True
    config["seconds"] = {"training": round(time.perf_counter() - start, 3)}
    history = {} if model.history is None else model.history.history
    done = len(history.get("loss", ()))
    failure = failure or _not_finite(history)
    if failure:
        config["error"] = failure

    with Interrupt() as interrupt:  # from here on Ctrl-C waits until the files are there
        _write_history(history, folder, config, written)
        if not failure:
            _write_weights(model, folder, written)
        interrupted = interrupted or model.interrupted
        config["status"] = "failed" if failure else "interrupted" if interrupted or interrupt.requested else "trained"
        _write_config(config, folder, written)
    if failure:
        raise _ExitError(failure)
    if interrupted or interrupt.requested:
        raise _ExitError(f"interrupted after {done} of {epochs} epochs", code=130)


def _test(
    model: Sequential,
    test: Split,
    arguments: argparse.Namespace,
    folder: Path,
    config: dict[str, Any],
    written: list[Path],
) -> None:
    """Evaluate on the test set, and write the result and the pictures that belong to it."""
    from tinycnn import plots

    images, labels = test
    start = time.perf_counter()
    loss, accuracy = model.evaluate(images, labels, verbose=arguments.verbose)
    config["seconds"]["test"] = round(time.perf_counter() - start, 3)
    if not math.isfinite(loss):
        config |= {"status": "failed", "error": f"expected a finite loss on the test set, received {loss}."}
        _write_config(config, folder, written)
        raise _ExitError(f"{config['error']} Lower --learning-rate.")
    print(f"Test loss: {loss:.4f}")
    print(f"Test accuracy: {100 * accuracy:.2f} %", flush=True)

    _write_figure(plots.kernels(model.layers[0]), folder / "kernels.png", written)
    probabilities = model.predict(images, verbose=0)
    _write_figure(plots.misclassified(images, labels, probabilities), folder / "misclassified.png", written)
    config |= {"status": "complete", "test_loss": loss, "test_accuracy": accuracy}
    _write_config(config, folder, written)


def _compile(model: Sequential, arguments: argparse.Namespace) -> None:
    from tinycnn.optimizers import Adam

    model.compile(
        optimizer=Adam(learning_rate=arguments.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        kernels=arguments.kernels,
    )


# Data


def _load_data(choice: str) -> tuple[str, Split, Split]:
    """The name of the data set that is used, its training and its test images with labels."""
    from tinycnn.datasets import DownloadError, digits, mnist

    if choice == "digits":
        return "digits", *digits.load_data()
    print("Looking for MNIST on this machine, then on the network ...", flush=True)
    try:
        with _short_warnings():
            return "mnist", *mnist.load_data()
    except (FileNotFoundError, DownloadError) as error:
        if choice == "mnist":
            raise _ExitError(_one_line(error)) from error
        print(
            f"{PROG}: warning: training on the bundled digits, because MNIST is not there. "
            "The results cannot be compared with MNIST's.\n"
            f"  Why: {_one_line(error)}\n"
            "  How to get MNIST: run this again with access to the network (it is downloaded once, 11 MB), or put "
            "mnist.npz into a folder and set TINYCNN_DATA to that folder.",
            file=sys.stderr,
        )
        return "digits", *digits.load_data()
    except (OSError, ValueError) as error:  # it is there, but damaged or not readable
        raise _ExitError(_one_line(error)) from error


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Warnings as one line each, without the place in the source."""

    def show(message: Warning | str, *place: Any) -> None:
        print(f"{PROG}: warning: {_one_line(message)}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _scaled(images: np.ndarray) -> np.ndarray:
    """(n, 28, 28) of 0 … 255 -> (n, 28, 28, 1) of 0 … 1"""
    return images.reshape(-1, 28, 28, 1).astype("float32") / 255


def _split(name: str, images: np.ndarray, labels: np.ndarray) -> tuple[Split, Split]:
    """One sixth for validation: the last of MNIST, every sixth image of the bundled digits."""
    n = len(images)
    if name == "mnist":
        cut = n - n // 6
        return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])
    rest = [i for i in range(n) if i % 6 != 5]
    return (images[rest], labels[rest]), (images[5::6], labels[5::6])


# Files


def _make_folder(out: str | None, model: str) -> Path:
    """The folder for the run: it can be written to, and holds no earlier run."""
    if out is not None:
        folder = Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _try_to_write(folder)
            earlier = [name for name in FILES if (folder / name).exists()]
        except OSError as error:
            raise _ExitError(_no_folder(folder, error)) from error
        if earlier:
            raise _ExitError(
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
                raise _ExitError(_no_folder(folder, error)) from error
            folder = stem.with_name(f"{stem.name}-{number}")
        except OSError as error:
            raise _ExitError(_no_folder(folder, error)) from error
    raise _ExitError(f"expected a free name beside {stem}, found none. Name a folder by --out.")


def _try_to_write(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _no_folder(folder: Path, error: OSError) -> str:
    return f"expected a folder that can be written to, received {folder} ({_reason(error)}). Choose another --out."


def _write(path: Path, written: list[Path], write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all, and add it to the list."""
    from tinycnn.saving import replacing

    try:
        with replacing(path) as temporary:
            write(temporary)
    except OSError as error:
        raise _ExitError(f"expected to write {path}, received: {_reason(error)}. Make room for it.") from error
    if path not in written:
        written.append(path)


def _write_history(
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
        _write_figure(plots.training_curves(history, title), folder / "curves.png", written)


def _write_weights(model: Sequential, folder: Path, written: list[Path]) -> None:
    from tinycnn.saving import save_weights

    path = folder / "model.weights.h5"
    try:
        save_weights(model, path)
    except OSError as error:
        raise _ExitError(f"expected to write {path}, received: {_reason(error)}. Make room for it.") from error
    written.append(path)


def _write_figure(figure: Any, path: Path, written: list[Path]) -> None:
    _write(path, written, lambda temporary: figure.savefig(temporary, format="png"))


def _write_config(config: Mapping[str, Any], folder: Path, written: list[Path]) -> None:
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


# Words


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _reason(error: OSError) -> str:
    return error.strerror or _one_line(error)


def _not_finite(history: Mapping[str, list[float]]) -> str:
    """What to say where a figure became NaN without stopping the training: a loss of the validation."""
    for key, values in history.items():
        for epoch, value in enumerate(values, 1):
            if not math.isfinite(value):
                return f"expected a finite {key}, received {value} in epoch {epoch}. Lower --learning-rate."
    return ""


# Arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Train one of the notebook's three models on handwritten digits, test it, and write curves, "
        "history, pictures and weights to a folder.",
        epilog="Exit codes: 0; 1 with one line on what failed; 2 for arguments that make no sense; 130 after Ctrl-C, "
        "when history and weights so far have been written.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--bn",
        dest="model",
        action="store_const",
        const="batch_normalization",
        default="plain",
        help="the model with batch normalization (default: the plain model)",
    )
    which.add_argument("--dropout", dest="model", action="store_const", const="dropout", help="the model with dropout")
    parser.add_argument(
        "--data",
        choices=("auto", "mnist", "digits"),
        default="auto",
        help="mnist: 60,000 training images, found on this machine or downloaded; digits: 1,442 training images that "
        "come with tinycnn; auto (default): mnist where it can be had, else digits",
    )
    parser.add_argument(
        "--epochs",
        type=_positive,
        metavar="N",
        help=f"passes over the training images (default: {EPOCHS['mnist']} for mnist, {EPOCHS['digits']} for digits: "
        "the small set needs more of its short epochs)",
    )
    parser.add_argument(
        "--batch-size", type=_positive, default=32, metavar="N", help="images a step (default: %(default)s)"
    )
    parser.add_argument(
        "--learning-rate", type=_rate, default=0.001, metavar="RATE", help="Adam's step size (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=42,
        metavar="N",
        help="the same seed and arguments give the same numbers on the same machine (default: %(default)s)",
    )
    parser.add_argument(
        "--subset",
        type=_at_least_six,
        metavar="N",
        help="use only the first N training images, one sixth of them for validation; the test set stays whole",
    )
    parser.add_argument(
        "--kernels",
        choices=("fast", "reference"),
        default="fast",
        help="fast: compiled by Numba (default); reference: NumPy, to be read",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder for the results, made if need be; one that holds an earlier run is refused "
        "(default: runs/MODEL-DATE-TIME)",
    )
    parser.add_argument(
        "--verbose",
        type=int,
        choices=(0, 1, 2),
        default=1,
        help="progress: 0 none, 1 a bar in a terminal (default), 2 the figures of each epoch",
    )
    return parser


def _positive(text: str) -> int:
    return _whole_number(text, 1, None)


def _at_least_six(text: str) -> int:
    return _whole_number(text, 6, None)


def _seed(text: str) -> int:
    return _whole_number(text, 0, 2**32 - 1)


def _whole_number(text: str, low: int, high: int | None) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if value < low or (high is not None and value > high):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise argparse.ArgumentTypeError(f"expected a whole number {limits}, received {text!r}")
    return value


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"expected a positive number such as 0.001, received {text!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())
