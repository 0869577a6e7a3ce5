"""Does Keras compute the same? One training step of a model in both libraries, layer by layer.

    python -m tinycnn.parity                      # the notebook's three models; --dtype float64
    rows = compare(model, keras_model, x, y)      # both compiled

Needs Keras with TensorFlow, which is imported only here, when it is asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn import models
from tinycnn.datasets import digits
from tinycnn.insight.copies import copy_model, fresh_optimizer
from tinycnn.insight.inspection import _forward_and_backward
from tinycnn.layers import InputLayer
from tinycnn.layers.random_layer import RandomLayer
from tinycnn.utils import clear_session, set_random_seed

if TYPE_CHECKING:
    from tinycnn.sequential import Sequential

Array = np.ndarray

STRENGTHS = {"rate", "stddev"}  # of the layers that drop values or add noise


@dataclass(frozen=True)
class Row:
    """How far a layer is from Keras's: of each kind of arrays the largest difference.

    Every difference is a share of the largest number in Keras's array; None where a layer has no such array.
    """

    layer: str
    output: float | None
    output_gradient: float | None
    parameter_gradients: float | None
    updated_weights: float | None


def compare(model: Sequential, keras_model: Any, x: Any, y: Any, copy_weights: bool = True) -> tuple[Row, ...]:
    """Print, layer by layer, how far Keras is from tinycnn in one training step, and return the rows of the table.

    Both start from ``keras_model``'s weights and from fresh optimizers of the settings that they were compiled with.
    Compared are, in training mode on one batch: each layer's output; the gradient of the loss with respect to it; those
    with respect to its parameters, penalties included; and its weights after ``train_on_batch``, moving statistics
    included. Dropout and noise change nothing here (their rate or stddev is set to 0): the libraries draw other
    numbers. All is done on copies: both models stay as they are.

    Math:    max|a − b| / max|b|, a of tinycnn, b of Keras
    Numbers: float32 shows what rounding makes of the same formulas, float64 that they are the same. Keras keeps
             learning rates and penalties in float32 in either case: its 0.001 is off by 4.7e-8. Adam divides by the
             root of the squared gradient: weights whose gradient is all rounding error are moved by a full step into a
             direction that is all rounding error too

    Args:
        model: a tinycnn model, compiled.
        keras_model: a Keras model of the same layers, built and compiled.
        x, y: the batch, as for `fit`.
        copy_weights: False lets each model start from its own weights, to see whether these are equal.

    Raises:
        ModuleNotFoundError: Keras or TensorFlow is not installed.
        RuntimeError: a model that is not built or compiled; a Keras that does not run on TensorFlow.
        ValueError: models of other layers, or of weights of other shapes; data that does not fit.
    """
    keras, tf = _keras_and_tensorflow()
    model._require_compiled("compare")
    if len(model.output_names) > 1 or len(model.input_names) > 1:
        raise ValueError(
            f"compare: expected a model of one input and one output, received {model.name!r} with more. Compare a "
            "model of one of them: Model(input, output)."
        )
    x, y, _ = model._check_data("compare", x, y)
    if not keras_model.built or getattr(keras_model, "optimizer", None) is None:
        raise RuntimeError(
            f"compare: expected a Keras model that is built and compiled, {keras_model.name!r} is not. Start it with "
            "Input(shape=...) and call compile as for the other model."
        )
    _check_layers(model, keras_model)
    dtype, floatx = model.layers[0].dtype, keras.config.floatx()
    keras.config.set_floatx(dtype.name)  # which Keras computes losses in, whatever the model's dtype
    try:
        ours, theirs = _copy(model), _copy_of_keras(keras, keras_model)
        if copy_weights:
            ours.set_weights(theirs.get_weights())
        rows = _rows(keras, tf, ours, theirs, x.astype(dtype), y)
    finally:
        keras.config.set_floatx(floatx)
    _print(rows, f"{model.name}: tinycnn beside Keras {keras.__version__}, {len(x)} samples, {dtype}")
    return rows


def _keras_and_tensorflow() -> tuple[Any, Any]:
    try:
        import keras
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"compare: expected Keras with TensorFlow, found no {error.name}. Install both: pip install tensorflow."
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f"compare: expected Keras to run on TensorFlow, received {keras.backend.backend()!r}. "
            "Set KERAS_BACKEND=tensorflow before Keras is imported."
        )
    return keras, tf


def _check_layers(model: Sequential, keras_model: Any) -> None:
    own, their = model.layers, keras_model.layers
    if len(own) != len(their):
        raise ValueError(
            f"compare: expected {len(own)} layers, received a Keras model of {len(their)}. Give both the same layers."
        )
    for layer, other in zip(own, their, strict=True):
        if isinstance(layer, RandomLayer):
            raise ValueError(
                f"compare: expected layers that do the same in both libraries, received {layer.name!r}, which changes "
                "images at random. Compare models of the other layers."
            )
        if type(layer).__name__ != type(other).__name__:
            raise ValueError(
                f"compare: expected {type(layer).__name__} beside {layer.name!r}, received Keras's "
                f"{type(other).__name__} {other.name!r}. Give both models the same layers in the same order."
            )
        shapes, others = [w.shape for w in layer.named_weights.values()], [tuple(w.shape) for w in other.weights]
        if shapes != others or len(layer.parameters) != len(other.trainable_variables):
            raise ValueError(
                f"compare: expected weights of shapes {shapes} in {other.name!r}, {len(layer.parameters)} of them "
                f"trained, received {others}, {len(other.trainable_variables)} of them trained. Make both layers with "
                "the same arguments, for inputs of the same shape."
            )


def _copy(model: Sequential) -> Any:
    copy = copy_model(model)
    copy.optimizer = fresh_optimizer(model.optimizer)
    for layer in copy.layers:
        vars(layer).update(dict.fromkeys(STRENGTHS & vars(layer).keys(), 0.0))
    return copy


def _copy_of_keras(keras: Any, model: Any) -> Any:
    def remade(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | dict.fromkeys(STRENGTHS & config.keys(), 0.0))

    copy = keras.models.clone_model(model, clone_function=remade)
    copy.set_weights(model.get_weights())
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    copy.compile(optimizer=optimizer, loss=model.loss, jit_compile=False)
    return copy


def _rows(keras: Any, tf: Any, ours: Any, theirs: Any, x: Array, y: Array) -> tuple[Row, ...]:
    start = theirs.get_weights()
    expected = _outputs_and_gradients_of_keras(keras, tf, theirs, ours._sources, x, y)
    theirs.set_weights(start)  # moving statistics have moved
    theirs.train_on_batch(x, y)
    outputs, gradients = _forward_and_backward(copy_model(ours), x, y)
    ours.train_on_batch(x, y)
    rows = []
    for layer, other, output, output_gradient, parameter_gradients in zip(
        ours.layers, theirs.layers, *expected, strict=True
    ):
        if isinstance(layer, InputLayer):
            continue
        own = gradients[layer.name]
        rows.append(
            Row(
                layer=layer.name,
                output=_difference([outputs[layer.name]], [output]),
                output_gradient=_difference([own.output], [output_gradient]),
                parameter_gradients=_difference(own.parameters.values(), parameter_gradients),
                updated_weights=_difference(layer.named_weights.values(), other.weights),
            )
        )
    return tuple(rows)


def _outputs_and_gradients_of_keras(
    keras: Any, tf: Any, model: Any, sources: Any, x: Array, y: Array
) -> tuple[Any, Any, Any]:
    """In training mode, for each layer: its output, the gradient of the loss with respect to it, and to its parameters.

    Compiled, as in fit: only there does Keras find the softmax in front of the loss, and goes from the logits.
    """

    @tf.function
    def compute(images: Any, labels: Any) -> Any:
        outputs: list[Any] = []
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(images)
            for layer, places in zip(model.layers, sources, strict=True):
                given = [outputs[place] for place in places] or [images]
                hands_on = isinstance(layer, keras.layers.InputLayer)
                outputs.append(images if hands_on else layer(given if len(given) > 1 else given[0], training=True))
            y_pred = outputs[-1]
            loss = model.compute_loss(y=labels, y_pred=y_pred)
            from_output = model.compute_loss(y=labels, y_pred=tf.identity(y_pred))  # not from the logits
        output_gradients = [*tape.gradient(loss, outputs[:-1]), tape.gradient(from_output, y_pred)]
        parameters = [[v.value for v in layer.trainable_variables] for layer in model.layers]
        return outputs, output_gradients, [tape.gradient(loss, values) for values in parameters]

    return compute(tf.constant(x), tf.constant(y))


def _difference(own: Iterable[Any], expected: Iterable[Any]) -> float | None:
    """The largest difference of several pairs of arrays, each as a share of the largest expected number; NaN stays."""
    shares = []
    for a, b in zip(own, expected, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        distance, size = np.abs(a - b).max(), np.abs(b).max()
        shares.append(0.0 if distance == 0 else distance / size if size else np.inf)
    return float(np.max(shares)) if shares else None


def _print(rows: Sequence[Row], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    caption = "the largest difference, as a share of the largest number in Keras's array; dropout drops nothing here"
    table = Table(title=title, caption=caption)
    table.add_column("layer", no_wrap=True)
    for heading in ("output", "gradient of output", "gradients of weights", "weights after a step"):
        table.add_column(heading, justify="right")
    for row in rows:
        shares = row.output, row.output_gradient, row.parameter_gradients, row.updated_weights
        table.add_row(row.layer, *("" if share is None else f"{share:.1e}" for share in shares))
    Console(highlight=False).print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """The tables of the notebook's three models on bundled digits; returns the exit code, 1 without Keras."""
    parser = argparse.ArgumentParser(
        prog="python -m tinycnn.parity",
        description="One training step of the notebook's models in tinycnn and in Keras: the largest differences.",
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="(default: float32)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (default: 0)")
    options = parser.parse_args(argv)
    try:
        keras, _ = _keras_and_tensorflow()
    except (ModuleNotFoundError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    (x, y), _ = digits.load_data()
    x, y = x[:32, ..., np.newaxis] / 255, y[:32]
    for make in (models.plain, models.dropout, models.batch_normalization):
        set_random_seed(options.seed)
        clear_session()
        model = copy_model(make(), options.dtype)
        model.name = make.__name__
        keras_model = keras.Sequential.from_config(model.get_config())
        keras_model.set_weights(model.get_weights())
        for either in (model, keras_model):
            either.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
        compare(model, keras_model, x, y)
    return 0
