"""Milestone A: the functions of units 02 to 06 as a network. EXPECTED was measured, see tests/test_learn_units.py."""

from tinycnn.layers import Dense, Flatten
from tinycnn.learn.kernel_table import LEARNING_RATE
from tinycnn.learn.rungs import Mine, Wrong
from tinycnn.learn.training import draw, train
from tinycnn.optimizers import SGD, Adam
from tinycnn.sequential import Sequential

FUNCTIONS = ("dense_forward", "dense_backward", "relu", "softmax_crossentropy", "sgd", "adam")
OPTIMIZERS = {"SGD": lambda: SGD(0.02), "Adam": lambda: Adam(LEARNING_RATE)}
EPOCHS = 10
EXPECTED = {"SGD": 0.85, "Adam": 0.92}


def network() -> Sequential:
    """784 pixels, 64 hidden units, 10 digits."""
    layers = (Flatten(input_shape=(28, 28, 1)), Dense(64, activation="relu"), Dense(10, activation="softmax"))
    return Sequential(list(layers))


def learns(mine: Mine) -> None:
    """a network of 784, 64 and 10 learns 1,442 digits, by SGD and by Adam"""
    runs = {}
    for name, new in OPTIMIZERS.items():
        mine.say(f"         {name}, {EPOCHS} epochs: how many of 355 other digits it reads")
        runs[name] = train(mine, network, FUNCTIONS, new(), EPOCHS)
    draw(mine, "A", "784 - 64 - 10, your code", runs)
    for name, run in runs.items():
        if not run["val_accuracy"][-1] >= EXPECTED[name]:
            reached = f"{100 * run['val_accuracy'][-1]:.1f} %"
            raise Wrong(f"by {name} it reads {reached} of the test digits, expected {100 * EXPECTED[name]:.0f} %.")


RUNGS = (learns,)
