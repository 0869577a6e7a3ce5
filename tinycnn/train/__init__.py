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
    config.json                 all that is needed to repeat the run or to go on with it, and its result; its "status"
                                is "training", then "trained" until the test is done, then "complete"; or
                                "interrupted", or "failed"
    checkpoint.npz              the state of the training after its last whole epoch

``--resume FOLDER`` goes on with a run that was interrupted, however that was: by Ctrl-C, SIGTERM, SIGKILL, a full disk,
a power failure. It ends with the same bits as one that was not. There is a checkpoint for every epoch, and no finer
ones: an epoch takes seconds, which is all there is to lose.

``--resume FOLDER --epochs N`` trains a run longer, also one that is complete, until it has N epochs: with the same bits
as a run that was to have N from the beginning. Its files are written anew.

One process at a time works on a folder: a second one is refused and told which process has it. That is a lock of the
system's, which ends with its process.

Where nobody reads the output any more (``| head -1``, a full disk under a log), training goes on to its end: the files
are what counts. One line on stderr says so, and the exit code is that of the run. The end of the terminal or of its
connection (SIGHUP) is like Ctrl-C: the run ends in order, to be resumed; under nohup it goes on.

Exit codes: 0; 1 with one line on what failed; 2 for arguments that make no sense; 130 after Ctrl-C, SIGTERM or SIGHUP,
when history and weights so far have been written.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from tinycnn.output import lasting_output
from tinycnn.train.arguments import given_settings, make_parser
from tinycnn.train.common import DATA, EPOCHS, MODELS, PARTS, PROG, ExitError, one_line
from tinycnn.train.data import load_data, prepared_for_training, scaled
from tinycnn.train.run import Run, make_folder
from tinycnn.trainers.interrupt import Interrupt, hangup_like_ctrl_c, sigterm_like_ctrl_c

# Matplotlib, h5py and the data are imported where they are needed, so that --help and usage errors come quickly.
if TYPE_CHECKING:
    from tinycnn.sequential import Sequential
    from tinycnn.train.data import Split

    # The sets by their names. Each is taken out when its time comes: MNIST's images as floats are 188 MB, let go when
    # training is over; those of the test set stay bytes until then.
    Parts = dict[str, Split]


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say (by default those of the command line); returns the exit code.

    Raises:
        SystemExit: 2 for arguments that make no sense, 0 after --help.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    with lasting_output(_nobody_reads):
        parser = make_parser()
        arguments = parser.parse_args(argv)
        with sigterm_like_ctrl_c(), hangup_like_ctrl_c():
            return _main(parser, arguments, argv)


def _main(parser: argparse.ArgumentParser, arguments: argparse.Namespace, argv: list[str]) -> int:
    run: Run | None = None
    try:
        if arguments.resume is None:
            run, parts = _new_run(parser, arguments, command=shlex.join([*PROG.split(), *argv]))
        else:
            run = Run.open(arguments.resume, arguments.epochs)
            if run.is_complete(arguments.epochs):
                print(f"{run.folder}: this run is complete. To train it longer: --epochs {2 * run.config['epochs']}")
                return 0
            parts = _resumed_run(parser, argv, run)
        _train(run, parts, arguments.verbose, bool(arguments.lab))
    except ExitError as error:
        print(f"{PROG}: {'error: ' if error.code == 1 else ''}{error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"{PROG}: interrupted", file=sys.stderr)
        return 130
    except OSError as error:  # of the places that are not tinycnn's own, such as Matplotlib's folder of fonts
        where = "" if run is None else f" while working on {run.folder}. {run.how_to_go_on}"
        print(f"{PROG}: error: {one_line(error)}{where}", file=sys.stderr)
        return 1
    finally:
        if run is not None:
            if run.written:
                print("Files written:", *run.written, sep="\n  ", flush=True)
            run.lock.release()
    return 0


def _nobody_reads(error: Exception) -> str:
    return f"{PROG}: warning: nobody reads the output any more ({one_line(error)}); the work goes on without it."


def _new_run(parser: argparse.ArgumentParser, arguments: argparse.Namespace, command: str) -> tuple[Run, Parts]:
    from tinycnn import kernels

    name, training, test = load_data(arguments.data)
    if arguments.subset is not None and arguments.subset > len(training[0]):
        parser.error(
            f"argument --subset: expected at most the {len(training[0])} training images of {name}, "
            f"received {arguments.subset}"
        )
    parts = _parts(name, training, test, arguments.subset)
    lock = make_folder(arguments.out, arguments.model)
    config = {
        "status": "training",
        "command": command,
        "arguments": {key: value for key, value in vars(arguments).items() if value is not None},
        "model": arguments.model,
        "data": name,
        "images": _counted(parts),
        "epochs": arguments.epochs or EPOCHS[name],
        "batch_size": arguments.batch_size,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
        "subset": arguments.subset,
        "kernels": kernels.SETS[arguments.kernels].name,
        "started": _now(),
    }
    return Run(lock, config), parts


def _resumed_run(parser: argparse.ArgumentParser, argv: Sequence[str], run: Run) -> Parts:
    """The data of a run that goes on; the command line may repeat its settings, or ask for more epochs."""
    from tinycnn import kernels

    config, given = run.config, given_settings(parser, argv)
    epochs = given.pop("epochs", config["epochs"])
    if epochs < config["epochs"]:
        parser.error(
            f"argument --epochs: expected at least {config['epochs']}, which {run.folder} is to have already, "
            f"received {epochs}. Leave it out"
        )
    for key, value in given.items():
        if value not in (config[key], config["arguments"].get(key)):
            parser.error(
                f"argument --resume: expected {key}={config[key]}, with which {run.folder} was started, "
                f"received {key}={value}. Leave it out"
            )
    if kernels.SETS[config["kernels"]].name != config["kernels"]:
        raise ExitError(
            f"expected the {config['kernels']} kernels that {run.folder} was started with, found no Numba. "
            "Install it: pip install numba."
        )
    run.prepare_to_go_on()
    name, training, test = load_data(config["data"])
    parts = _parts(name, training, test, config["subset"])
    if config["images"] != _counted(parts):
        raise ExitError(
            f"expected the images that {run.folder} was started with, {config['images']}, received {_counted(parts)}. "
            "Look at TINYCNN_DATA, or begin anew."
        )
    for result in ("error", "test_loss", "test_accuracy"):
        config.pop(result, None)
    config |= {"status": "training", "epochs": epochs}
    config.setdefault("resumed", []).append(_now())
    return parts


def _parts(name: str, training: Split, test: Split, subset: int | None) -> Parts:
    return dict(zip(PARTS, (*prepared_for_training(name, training, subset), test), strict=True))


def _counted(parts: Parts) -> dict[str, int]:
    return {part: len(images) for part, (images, _) in parts.items()}


def _train(run: Run, parts: Parts, verbose: int, lab: bool) -> None:
    from tinycnn import models, utils
    from tinycnn.optimizers import Adam

    config = run.config
    utils.set_random_seed(config["seed"])
    model = getattr(models, config["model"])()
    model.compile(
        optimizer=Adam(learning_rate=config["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        kernels=config["kernels"],
    )
    epochs = config["epochs"]
    going_on = f", going on after epoch {run.epochs_done(model)}" if "resumed" in config else ""
    print(
        f"{MODELS[config['model']]} on {DATA[config['data']]}: {epochs} epoch{'s' if epochs > 1 else ''}, "
        f"{config['kernels']} kernels, seed {config['seed']}"
    )
    print("Images: " + ", ".join(f"{n:,} for {part}" for part, n in config["images"].items()))
    print(f"Folder: {run.folder}{going_on}")
    model.summary()
    sys.stdout.flush()

    run.write_config()
    with ExitStack() as stack:
        watching = stack.enter_context(_lab_beside(model, parts["training"], parts["validation"])) if lab else []
        _fit(model, parts, run, verbose, watching)
    _test(model, parts.pop("test"), run, verbose)


@contextmanager
def _lab_beside(model: Sequential, training: Split, validation: Split) -> Iterator[list[Any]]:
    """The callbacks by which the lab follows the training; none, and a warning, where it cannot be opened."""
    from tinycnn.lab import beside

    with ExitStack() as stack:
        try:
            watching = [stack.enter_context(beside(model, training, validation))]
        except (OSError, ValueError) as error:
            print(f"{PROG}: warning: training without the lab ({one_line(error)}).", file=sys.stderr)
            watching = []
        yield watching


def _fit(model: Sequential, parts: Parts, run: Run, verbose: int, watching: Sequence[Any] = ()) -> None:
    """Train, and write what was learned, also where training was interrupted or failed.

    Takes the images out of ``parts``: pictures are drawn when nothing holds them any more.
    """
    from tinycnn.trainers.callbacks import BackupAndRestore

    config = run.config
    failure, interrupted = "", False
    start = time.perf_counter()
    try:
        model.fit(
            *parts.pop("training"),
            batch_size=config["batch_size"],
            epochs=config["epochs"],
            verbose=verbose,
            validation_data=parts.pop("validation"),
            callbacks=[BackupAndRestore(run.folder, delete_checkpoint=False), *watching],
        )
    except FloatingPointError as error:
        failure = one_line(error)
    except KeyboardInterrupt:  # the second Ctrl-C, which does not wait for the end of the step
        interrupted = True
    except (OSError, ValueError) as error:  # a checkpoint that cannot be written, or is not one of this run
        where = "" if not isinstance(error, OSError) or error.errno is None else f" while training in {run.folder}."
        raise ExitError(f"{one_line(error)}{where} {run.how_to_go_on}") from error
    config["seconds"] = {"training": round(time.perf_counter() - start, 3)}
    history = {} if model.history is None else model.history.history
    failure = failure or _not_finite(history)
    if failure:
        config["error"] = failure

    with Interrupt("the files are written first") as interrupt:  # from here on Ctrl-C waits until the files are there
        run.write_history(history)
        if not failure:
            run.write_weights(model)
        interrupted = interrupted or model.interrupted
        config["status"] = "failed" if failure else "interrupted" if interrupted or interrupt.requested else "trained"
        run.write_config()
    if failure:
        raise ExitError(failure)
    if interrupted or interrupt.requested:
        done = len(history.get("loss", ()))
        raise ExitError(f"interrupted after {done} of {config['epochs']} epochs. {run.how_to_go_on}", code=130)


def _test(model: Sequential, test: Split, run: Run, verbose: int) -> None:
    """Evaluate on the test set, and write the result and the pictures that belong to it."""
    from tinycnn import plots

    config = run.config
    images, labels = scaled(test[0]), test[1]
    start = time.perf_counter()
    loss, accuracy = model.evaluate(images, labels, verbose=verbose)
    config["seconds"]["test"] = round(time.perf_counter() - start, 3)
    if not math.isfinite(loss):
        config |= {"status": "failed", "error": f"expected a finite loss on the test set, received {loss}."}
        run.write_config()
        raise ExitError(f"{config['error']} Lower --learning-rate.")
    print(f"Test loss: {loss:.4f}")
    print(f"Test accuracy: {100 * accuracy:.2f} %", flush=True)

    run.write_figure(plots.kernels(model.layers[0]), "kernels.png")
    probabilities = model.predict(images, verbose=0)
    run.write_figure(plots.misclassified(images, labels, probabilities), "misclassified.png")
    config |= {"status": "complete", "test_loss": loss, "test_accuracy": accuracy}
    run.write_config()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _not_finite(history: Mapping[str, list[float]]) -> str:
    """What to say where a figure became NaN without stopping the training: a loss of the validation."""
    for key, values in history.items():
        for epoch, value in enumerate(values, 1):
            if not math.isfinite(value):
                return f"expected a finite {key}, received {value} in epoch {epoch}. Lower --learning-rate."
    return ""
