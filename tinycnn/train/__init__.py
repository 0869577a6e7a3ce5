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
import math
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinycnn.train.arguments import make_parser
from tinycnn.train.common import DATA, EPOCHS, MODELS, PROG, ExitError, one_line
from tinycnn.train.data import load_data, scaled, split
from tinycnn.train.files import make_folder, write_config, write_figure, write_history, write_weights

# Matplotlib, h5py and the data are imported where they are needed, so that --help and usage errors come quickly.
if TYPE_CHECKING:
    from tinycnn.sequential import Sequential
    from tinycnn.train.data import Split


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say (by default those of the command line); returns the exit code.

    Raises:
        SystemExit: 2 for arguments that make no sense, 0 after --help.
    """
    parser = make_parser()
    arguments = parser.parse_args(argv)
    command = shlex.join([*PROG.split(), *(sys.argv[1:] if argv is None else argv)])
    written: list[Path] = []
    try:
        try:
            _train(parser, arguments, command, written)
        finally:
            if written:
                print("Files written:", *written, sep="\n  ", flush=True)
    except ExitError as error:
        print(f"{PROG}: {'error: ' if error.code == 1 else ''}{error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"{PROG}: interrupted", file=sys.stderr)
        return 130
    return 0


def _train(parser: argparse.ArgumentParser, arguments: argparse.Namespace, command: str, written: list[Path]) -> None:
    from tinycnn import models, utils

    name, (images, labels), (test_images, test_labels) = load_data(arguments.data)
    if arguments.subset is not None and arguments.subset > len(images):
        parser.error(
            f"argument --subset: expected at most the {len(images)} training images of {name}, "
            f"received {arguments.subset}"
        )
    training, validation = split(name, scaled(images[: arguments.subset]), labels[: arguments.subset])
    test = scaled(test_images), test_labels
    folder = make_folder(arguments.out, arguments.model)

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
        failure = one_line(error)
    except KeyboardInterrupt:  # the second Ctrl-C, which does not wait for the end of the step
        interrupted = True
    config["seconds"] = {"training": round(time.perf_counter() - start, 3)}
    history = {} if model.history is None else model.history.history
    done = len(history.get("loss", ()))
    failure = failure or _not_finite(history)
    if failure:
        config["error"] = failure

    with Interrupt() as interrupt:  # from here on Ctrl-C waits until the files are there
        write_history(history, folder, config, written)
        if not failure:
            write_weights(model, folder, written)
        interrupted = interrupted or model.interrupted
        config["status"] = "failed" if failure else "interrupted" if interrupted or interrupt.requested else "trained"
        write_config(config, folder, written)
    if failure:
        raise ExitError(failure)
    if interrupted or interrupt.requested:
        raise ExitError(f"interrupted after {done} of {epochs} epochs", code=130)


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
        write_config(config, folder, written)
        raise ExitError(f"{config['error']} Lower --learning-rate.")
    print(f"Test loss: {loss:.4f}")
    print(f"Test accuracy: {100 * accuracy:.2f} %", flush=True)

    write_figure(plots.kernels(model.layers[0]), folder / "kernels.png", written)
    probabilities = model.predict(images, verbose=0)
    write_figure(plots.misclassified(images, labels, probabilities), folder / "misclassified.png", written)
    config |= {"status": "complete", "test_loss": loss, "test_accuracy": accuracy}
    write_config(config, folder, written)


def _compile(model: Sequential, arguments: argparse.Namespace) -> None:
    from tinycnn.optimizers import Adam

    model.compile(
        optimizer=Adam(learning_rate=arguments.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        kernels=arguments.kernels,
    )


def _not_finite(history: Mapping[str, list[float]]) -> str:
    """What to say where a figure became NaN without stopping the training: a loss of the validation."""
    for key, values in history.items():
        for epoch, value in enumerate(values, 1):
            if not math.isfinite(value):
                return f"expected a finite {key}, received {value} in epoch {epoch}. Lower --learning-rate."
    return ""
