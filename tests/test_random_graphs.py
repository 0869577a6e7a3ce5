"""Random graphs of layers, built alike in Keras and in tinycnn: the same table, figures, steps and files."""

import random

import numpy as np
import pytest

import tinycnn
from tinycnn import optimizers, utils
from tinycnn.keras import Input, Model, layers

N = 8
MERGES = ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract", "Concatenate")
LOSSES = {"softmax": "sparse_categorical_crossentropy", "sigmoid": "binary_crossentropy", "linear": "mse"}


def graph(la, start, seed):
    """Inputs, outputs and the outputs' losses of a graph with branches, merges, frozen layers and penalties."""
    draw = random.Random(seed)
    inputs = [start(draw.choice([(4, 4, 1), (4, 4, 2), (5,)]), name=f"in{i}") for i in range(draw.randint(1, 2))]
    places = list(inputs)
    for i in range(draw.randint(3, 8)):
        x, options = draw.choice(places), {"name": f"l{i}"}
        rank = len(x.shape)
        kind = draw.choice(["merge", "merge", "normal", "drop", "tanh", "dense" if rank == 2 else "image"])
        trained = {**options, "trainable": draw.random() < 0.8}
        if kind == "merge":
            name = draw.choice(MERGES)
            fitting = [other for other in places if len(other.shape) == rank and _fit(name, x.shape, other.shape)]
            y = getattr(la, name)(**options)([x, draw.choice(fitting)])
        elif kind == "normal":
            y = la.BatchNormalization(**trained)(x)
        elif kind == "drop":
            y = la.Dropout(0.0, **options)(x)
        elif kind == "tanh":
            y = la.Activation("tanh", **options)(x)
        elif kind == "dense":
            y = la.Dense(3, "relu", kernel_regularizer="l2", **trained)(x)
        else:
            y = draw.choice(
                [la.Conv2D(2, 3, padding="same", **trained), la.GlobalAveragePooling2D(keepdims=True, **options)]
            )(x)
        places.append(y)
    outputs, losses = [], []
    for i, x in enumerate(places[-draw.randint(1, 2) :]):
        activation = draw.choice(list(LOSSES))
        x = la.Flatten(name=f"flat{i}")(x) if len(x.shape) > 2 else x
        outputs.append(la.Dense(1 if activation == "sigmoid" else 3, activation, name=f"out{i}")(x))
        losses.append(LOSSES[activation])
    if draw.random() < 0.4:  # an output that goes on
        outputs.append(la.Dense(3, name="beyond")(outputs[0]))
        losses.append("mse")
    return inputs, outputs, losses


def _fit(name, one, other):
    if name == "Concatenate":
        return one[:-1] == other[:-1]
    return all(a == b or 1 in (a, b) for a, b in zip(one[1:], other[1:], strict=True))


@pytest.mark.keras
@pytest.mark.parametrize("seed", range(6))
def test_a_random_graph_is_kerass(seed, keras, tmp_path):
    utils.clear_session()
    keras.utils.clear_session(free_memory=False)
    inputs, outputs, losses = graph(keras.layers, keras.Input, seed)
    theirs = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs, name="m")
    mine = Model(*graph(layers, Input, seed)[:2], name="m")
    rng = np.random.default_rng(seed)
    theirs.set_weights([rng.uniform(0.2, 0.8, w.shape) - 0.5 * (w.ndim > 1) for w in theirs.get_weights()])
    mine.set_weights(theirs.get_weights())
    tables: list[list[str]] = [[], []]
    for model, table in zip((mine, theirs), tables, strict=True):
        model.summary(print_fn=lambda text, table=table, **_: table.append(text), show_trainable=True)
    assert tables[0] == tables[1]
    x = [rng.random((N, *tensor.shape[1:])).astype("float32") for tensor in inputs]
    x = x if len(x) > 1 else x[0]
    y = [
        rng.integers(0, 3, N) if loss == LOSSES["softmax"] else rng.integers(0, 2, (N, *tensor.shape[1:]))
        for loss, tensor in zip(losses, outputs, strict=True)
    ]
    weights = [0.5 + i for i in range(len(losses))] if len(losses) > 1 else None
    theirs.compile(keras.optimizers.SGD(0.01), losses, loss_weights=weights, run_eagerly=True)
    mine.compile(optimizers.SGD(0.01), losses, loss_weights=weights, kernels="reference")
    for _ in range(2):
        own, their = (model.train_on_batch(x, y, return_dict=True) for model in (mine, theirs))
        assert own == pytest.approx({name: float(value) for name, value in their.items()}, rel=1e-4)
    for own, their in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        # float32 sums in another order; a normalization of eight samples enlarges the difference
        np.testing.assert_allclose(own, their, rtol=1e-3, atol=2e-5)
    for model, name in ((mine, "mine.keras"), (theirs, "theirs.keras")):
        model.save(tmp_path / name)
    expected = mine.test_on_batch(x, y, return_dict=True)
    for model in (tinycnn.load_model(tmp_path / "theirs.keras"), keras.models.load_model(tmp_path / "mine.keras")):
        found = model.test_on_batch(x, y, return_dict=True)
        assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, rel=1e-3)
