"""Milestone B: the notebook's plain model on the learner's kernels.

keras.json holds what Keras computed for one step from the same weights, and is made by tests/golden/make_learn.py.
"""

import json
import math
from pathlib import Path

import numpy as np

from tinycnn.learn.kernel_table import LEARNING_RATE, kernels
from tinycnn.learn.rungs import Mine, Wrong, same
from tinycnn.learn.training import draw, images, train
from tinycnn.models import plain
from tinycnn.optimizers import Adam

FUNCTIONS = (
    "conv2d_by_taps", "conv2d_backward_kernel", "conv2d_backward_input", "max_pooling2d",
    "relu", "dense_forward", "dense_backward", "softmax_crossentropy", "adam",
)  # fmt: skip
BATCH = 32
EPOCHS = 5
EXPECTED = 0.93
NAMES = [f"{layer} {of}" for layer in ("conv2d", "conv2d_1", "dense", "dense_1") for of in ("kernel", "bias")]
TOLERANCE = 1e-4  # float32 sums in another order than Keras's


def uniform(seed: int, shape: tuple) -> np.ndarray:
    """From -1 to 1, the same under every version of NumPy, which promises only the raw stream of a generator."""
    raw = np.random.PCG64(seed).random_raw(math.prod(shape))
    return (2 * (raw >> np.uint64(11)) * 2.0**-53 - 1).reshape(shape)


def weights(shapes: list) -> list:
    """The kernels from Glorot's uniform distribution; biases that are not 0, or nobody would miss them."""
    limits = [math.sqrt(6 / (math.prod(s[:-2]) * sum(s[-2:]))) if len(s) > 1 else 0.1 for s in shapes]
    return [
        (limit * uniform(i, shape)).astype(np.float32)
        for i, (limit, shape) in enumerate(zip(limits, shapes, strict=True))
    ]


def figures(loss: float, gradients: list, before: list, after: list) -> dict:
    """What is recorded of a step: the loss, each gradient's length, each array's change along a random direction."""
    moved = [
        float(np.sum(np.sign(uniform(100 + i, np.shape(a))) * (np.float64(a) - b))) / math.sqrt(np.size(a))
        for i, (a, b) in enumerate(zip(after, before, strict=True))
    ]
    lengths = [float(np.linalg.norm(np.float64(g))) for g in gradients]
    return {
        "loss": float(loss),
        "gradients": dict(zip(NAMES, lengths, strict=True)),
        "moved": dict(zip(NAMES, moved, strict=True)),
    }


def one_step(mine: Mine) -> None:
    """one step from given weights: loss, gradients and new weights as Keras has them"""
    keras = json.loads(Path(__file__).with_name("keras.json").read_text(encoding="utf-8"))["step"]
    model = plain()
    model.set_weights(weights([w.shape for w in model.get_weights()]))
    before = model.get_weights()
    model.compile(Adam(LEARNING_RATE), "sparse_categorical_crossentropy", kernels=kernels(mine, *FUNCTIONS))
    (x, y), _ = images()
    loss = model.train_on_batch(x[:BATCH], y[:BATCH])
    yours = figures(loss, [p.grad for p in model.parameters], before, model.get_weights())
    same("the loss", yours["loss"], keras["loss"], TOLERANCE, "Due is Keras's.")
    for name in reversed(NAMES):  # as the gradient goes: the first that is wrong is where to look
        what = f"the length of the gradient of {name}"
        same(what, yours["gradients"][name], keras["gradients"][name], TOLERANCE, "Due is Keras's.")
    for name in NAMES:
        off = abs(yours["moved"][name] - keras["moved"][name])
        if off > TOLERANCE * LEARNING_RATE:
            raise Wrong(
                f"{name}: Adam moves it by {yours['moved'][name]:.6g} along a direction in which Keras moves it by "
                f"{keras['moved'][name]:.6g}."
            )
    mine.say(f"         loss {yours['loss']:.6f}, Keras's {keras['loss']:.6f}; 8 gradients, 8 arrays of weights")


def learns(mine: Mine) -> None:
    """the notebook's plain model learns 1,442 digits"""
    mine.say(f"         {EPOCHS} epochs, long where you loop over pixels: how many of 355 it reads")
    run = train(mine, plain, FUNCTIONS, Adam(LEARNING_RATE), EPOCHS)
    draw(mine, "B", "the plain model, your code", {"yours": run})
    if not run["val_accuracy"][-1] >= EXPECTED:
        reached = f"{100 * run['val_accuracy'][-1]:.1f} %"
        raise Wrong(f"it reads {reached} of the test digits, expected {100 * EXPECTED:.0f} %.")


RUNGS = (one_step, learns)
