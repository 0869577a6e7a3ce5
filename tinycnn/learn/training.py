"""A training on the learner's kernels, as the milestones have it: a curve in the terminal, and one in a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.datasets import digits
from tinycnn.learn.kernel_table import kernels
from tinycnn.learn.rungs import Mine
from tinycnn.plots import compare_curves
from tinycnn.trainers.callbacks import LambdaCallback
from tinycnn.utils import set_package_seed

Array = np.ndarray
History = dict[str, list[float]]

BAR = 40  # columns of a text curve


def images() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The bundled digits.

    Shapes:  ((x (1442, 28, 28, 1), y (1442,)), (x (355, 28, 28, 1), y (355,))), pixels from 0 to 1
    """
    (x, y), (x_test, y_test) = digits.load_data()
    return (x[..., None] / np.float32(255), y), (x_test[..., None] / np.float32(255), y_test)


def train(mine: Mine, make_model: Any, functions: tuple[str, ...], optimizer: Any, epochs: int) -> History:
    """Train a model on the learner's functions; a line for each epoch says how many test digits it reads.

    Args:
        make_model: returns a new model; its weights are drawn from the check's seed.
        functions: those of the table of kernels that are the learner's.
    """
    set_package_seed(int(mine.rng.integers(2**32)))
    model = make_model()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], kernels=kernels(mine, *functions))
    training, test = images()

    def show(epoch: int, logs: dict[str, float]) -> None:
        share = logs["val_accuracy"]
        bar = ("#" * round(BAR * share)).ljust(BAR, ".")
        mine.say(f"         {epoch + 1:2}  loss {logs['loss']:6.4f}  {bar} {100 * share:5.1f} %")

    history = model.fit(
        *training, epochs=epochs, validation_data=test, verbose=0, callbacks=[LambdaCallback(on_epoch_end=show)]
    )
    return history.history


def draw(mine: Mine, name: str, title: str, runs: dict[str, History]) -> None:
    """Write the curves into the learner's folder."""
    if mine.pictures is not None:
        path = mine.pictures / f"unit_{name}_curves.png"
        try:
            compare_curves({title: runs}).savefig(path)
            mine.say(f"         The curves: {path}")
        except OSError as error:  # the training was long: its verdict is not to be lost for a picture
            mine.say(f"         The curves could not be written to {path}: {error.strerror}.")
