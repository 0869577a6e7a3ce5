"""A whole model of the layers around Conv2D: constraints over a step; beside Keras, its summary and files both ways."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tolerances import PARITY, assert_close

import tinycnn
from tinycnn import keras as ours

X, Y = np.random.default_rng(3).normal(size=(16, 8, 8, 3)), np.arange(16) % 2


def make(k):
    """Down and up again, with regularizers and constraints under each of their names."""
    la, close = k.layers, k.constraints.MaxNorm(0.5)
    model = k.Sequential(
        [
            k.Input((8, 8, 3)),
            la.SeparableConv2D(
                4, 3, padding="same", depth_multiplier=2, activation="tanh", depthwise_regularizer="l2",
                pointwise_regularizer="l1", depthwise_constraint=close, bias_constraint="non_neg",
                pointwise_constraint=k.constraints.UnitNorm([0, 1, 2]),
            ),
            la.DepthwiseConv2D(
                3, 2, "same", activation="tanh", depthwise_regularizer="l2", bias_regularizer="l2",
                depthwise_constraint=close, bias_constraint="non_neg",
            ),
            la.Conv2DTranspose(3, 3, 2, "same", activation="tanh", kernel_regularizer="l2", kernel_constraint=close),
            la.UpSampling2D((1, 2)),
            la.UpSampling2D((2, 1), interpolation="bilinear"),
            la.GlobalMaxPooling2D(keepdims=True),
            la.Conv2DTranspose(2, 2, use_bias=False),
            la.GlobalAveragePooling2D(),
            la.Dense(2, activation="softmax"),
        ],
        name="hourglass",
    )  # fmt: skip
    model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_every_constraint_holds_after_a_step():
    model = make(ours)
    model.train_on_batch(X, Y)
    for layer in model.layers[:3]:
        for parameter in layer.parameters:
            if parameter.constraint is not None:
                kept = parameter.constraint(parameter.value)
                np.testing.assert_allclose(kept, parameter.value, rtol=1e-5, atol=1e-6)
    separable, depthwise, transpose = model.layers[:3]
    constraints = [p.constraint for layer in (separable, depthwise, transpose) for p in layer.parameters]
    assert [type(it).__name__ for it in constraints] == [
        *("MaxNorm", "UnitNorm", "NonNeg"), *("MaxNorm", "NonNeg"), *("MaxNorm", "NoneType"),
    ]  # fmt: skip


@pytest.mark.keras
def test_files_and_summary_are_kerass(keras, tmp_path):
    keras.utils.clear_session(free_memory=False)
    ours.utils.clear_session()
    mine, theirs = make(ours), make(keras)
    texts: tuple[list[str], list[str]] = ([], [])
    for model, lines in zip((mine, theirs), texts, strict=True):
        model.summary(print_fn=lambda text, line_break=None, lines=lines: lines.append(text))
    assert texts[0] == texts[1]
    mine.set_weights(theirs.get_weights())
    for ending in ("keras", "h5"):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="save_model: Keras calls .h5 files of models legacy")
            mine.save(tmp_path / f"mine.{ending}")
        theirs.save(tmp_path / f"theirs.{ending}")
        for name, saved in (("mine", mine), ("theirs", theirs)):
            path, expected = tmp_path / f"{name}.{ending}", np.asarray(saved(X))
            own, their = tinycnn.load_model(path), keras.models.load_model(path)
            assert_close(own(X), expected, PARITY["float32"])
            assert_close(np.asarray(their(X)), expected, PARITY["float32"])
