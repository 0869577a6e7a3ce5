"""Milestone C: the notebook's three models on the learner's kernels."""

from tinycnn.layers import BatchNormalization
from tinycnn.learn.kernel_table import LEARNING_RATE
from tinycnn.learn.rungs import Mine, Wrong
from tinycnn.learn.training import draw, train
from tinycnn.models import batch_normalization, dropout, plain
from tinycnn.optimizers import Adam
from tinycnn.sequential import Sequential

PLAIN = (
    "conv2d_by_taps", "conv2d_backward_kernel", "conv2d_backward_input", "max_pooling2d",
    "relu", "dense_forward", "dense_backward", "softmax_crossentropy", "adam",
)  # fmt: skip
NORMALIZED = (
    "batch_normalization_forward", "batch_normalization_inference", "batch_normalization_backward_folded",
)  # fmt: skip
MOMENTUM = 0.9  # an epoch has 46 steps here, 1,563 in the notebook, whose averages may take their time


def normalized() -> Sequential:
    """The notebook's, but with moving averages that forget their start sooner."""
    model = batch_normalization()
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.momentum = MOMENTUM
    return model


MODELS = {
    "plain": (plain, PLAIN),
    "dropout": (dropout, (*PLAIN, "dropout")),
    "batch normalization": (normalized, (*PLAIN, *NORMALIZED)),
}
EPOCHS = 5
EXPECTED = 0.93


def three_models_learn(mine: Mine) -> None:
    """the plain model, the one with dropout, the one with batch normalization"""
    runs = {}
    for name, (make_model, functions) in MODELS.items():
        mine.say(f"         {name}, {EPOCHS} epochs: how many of 355 other digits it reads")
        runs[name] = train(mine, make_model, functions, Adam(LEARNING_RATE), EPOCHS)
    draw(mine, "C", "the notebook's three models, your code", runs)
    for name, run in runs.items():
        if not run["val_accuracy"][-1] >= EXPECTED:
            reached = f"{100 * run['val_accuracy'][-1]:.1f} %"
            raise Wrong(f"{name}: it reads {reached} of the test digits, expected {100 * EXPECTED:.0f} %.")


RUNGS = (three_models_learn,)
