"""What the parts of the training command share: names, and how it ends early."""

from __future__ import annotations

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


class ExitError(Exception):
    """The run ends early, as can happen without a mistake in the program: an exit code, and a line that says why."""

    def __init__(self, line: str, code: int = 1):
        super().__init__(line)
        self.code = code


def one_line(error: object) -> str:
    return " ".join(str(error).split())


def reason(error: OSError) -> str:
    return error.strerror or one_line(error)
