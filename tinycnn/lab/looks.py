"""What the lab shows, in numbers: each a function of a model and images, which looks at a copy.

The copy runs on the reference kernels: on the very code that one reads, and without Numba, which cannot everywhere
serve two of Python's threads at once. So a training that goes on meanwhile ends with the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.insight.copies import copy_model
from tinycnn.insight.inspection import (
    dead_relu_share,
    gradients,
    parameter_values,
    update_to_data_ratio,
)
from tinycnn.kernels import REFERENCE
from tinycnn.lab.export import described_layer, examples, image_shape
from tinycnn.layers import BatchNormalization, Dropout, InputLayer
from tinycnn.model import Model

Array = np.ndarray

BINS = 40
MISREAD = 24  # images of the test set that are shown, nearest to being read first


def snapshot(model: Model) -> Any:
    """A copy as the model is between two steps, on the reference kernels."""
    with model._weights_in_use:
        twin = copy_model(model)
    for layer in twin.layers:
        layer.kernels = REFERENCE
    if twin.optimizer is not None:
        twin.optimizer.kernels = REFERENCE
    return twin


def shown_layers(model: Any) -> list[Any]:
    """The layers of the page: all but inputs."""
    return [layer for layer in model.layers if not isinstance(layer, InputLayer)]


def description(model: Any, labels: list[str] | None = None) -> dict[str, Any]:
    """What the page has to know before it asks: layers, settings, shapes, where each takes its input from.

    Raises:
        ValueError: no model that takes one image and gives one output.
    """
    shape = image_shape("lab", model)
    places = {place: -1 for place, layer in enumerate(model._layers) if isinstance(layer, InputLayer)}
    for layer in shown_layers(model):
        places[model._layers.index(layer)] = len(places) - sum(number == -1 for number in places.values())
    layers = []
    for place, (layer, sources) in enumerate(zip(model._layers, model._sources, strict=True)):
        if places[place] >= 0:
            taken = [places.get(source, -1) for source in sources] or [-1]
            layers.append(described_layer(layer) | {"sources": taken})
    return {
        "name": model.name,
        "input_shape": list(shape),
        "layers": layers,
        "examples": examples(),
        "labels": labels,
        "parameters": list(parameter_values(model)),
    }


def weights(model: Any, place: int) -> list[Array]:
    """A layer's weights, in the order of its description."""
    return list(shown_layers(model)[place].named_weights.values())


def outputs(model: Any, x: Array) -> list[Array]:
    """Every layer's output for one image.

    Shapes:  x (1, h, w, c);  each without the axis of images
    """
    return [y[0] for layer, _, y in snapshot(model).walk(x) if not isinstance(layer, InputLayer)]


def predictions(model: Any, x: Array) -> Array:
    """The model's output for images.  Shapes: x (n, h, w, c); (n, ...)"""
    return _output(snapshot(model), x)


def _output(twin: Any, x: Array) -> Array:
    head = twin._ends[1][0]
    return next(y for layer, _, y in twin.walk(x) if layer is head)


def in_training(model: Any, x: Array) -> list[Array]:
    """Every layer's output for the first image of a batch, normalised by the batch's statistics; dropout lets all pass.

    Then, for each batch normalization, the mean and the (biased) variance of what it takes.

    Shapes:  x (n, h, w, c);  the outputs without the axis of images; the statistics (channels,)
    """
    twin = snapshot(model)
    for layer in twin.layers:
        if isinstance(layer, Dropout):
            layer.rate = 0.0
    found: list[Array] = []
    statistics: list[Array] = []
    for layer, taken, y in twin.walk(x, training=True):
        layer.forget()
        if isinstance(layer, InputLayer):
            continue
        found.append(y[0])
        if isinstance(layer, BatchNormalization):
            rows = taken.reshape(-1, taken.shape[-1])
            frozen = [layer.moving_mean, layer.moving_variance]
            statistics += [rows.mean(axis=0), rows.var(axis=0)] if layer.trainable else frozen
    return found + statistics


def dropped(model: Any, place: int, count: int, x: Array) -> list[Array]:
    """Masks of a dropout layer as in training, and what the model then puts out, each with a mask of its own.

    Shapes:  x (1, h, w, c);  mask and output in turn, ``count`` times, without the axis of images

    Raises:
        ValueError: another kind of layer.
    """
    twin = snapshot(model)
    layer = shown_layers(twin)[place]
    if not isinstance(layer, Dropout):
        raise ValueError(f"lab: expected the place of a Dropout layer, received {place}, a {type(layer).__name__}.")
    layer.rng = np.random.default_rng()
    found: list[Array] = []
    for _ in range(count):
        mask = np.broadcast_to(layer.draw_mask((1, *layer.output_shape[1:])), (1, *layer.output_shape[1:]))
        vars(layer)["forward"] = lambda taken, training=False, mask=mask: taken * mask
        found += [mask[0], _output(twin, x)[0]]
    return found


def step(model: Any, x: Array, y: Array) -> list[Array]:
    """One training step of a batch, taken apart, for its first image.

    Shapes:  x (n, h, w, c), y (n,) labels;  the loss (1,); the gradients of every layer's output and of the image,
             without the axis of images; update : data of each parameter, (parameters,)

    Raises:
        RuntimeError: a model without a loss.
    """
    twin = snapshot(model)
    found = gradients(twin, x, y)
    images, labels, _ = twin._check_data("lab", x, y)
    loss = _loss(twin, images, labels)
    before = parameter_values(twin)
    vector = twin._parameter_vector()
    for layer in shown_layers(twin):
        for parameter in layer.parameters:
            parameter.grad[...] = found[layer.name].parameters[parameter.name]
    twin.optimizer.build(vector)
    twin.optimizer.apply(vector)
    ratios = update_to_data_ratio(before, parameter_values(twin))
    shown = shown_layers(twin)
    of_image = found[shown[0].name].input
    return [
        np.array([loss]),
        *(found[layer.name].output[0] for layer in shown),
        of_image[0],
        np.array(list(ratios.values())),
    ]


def _loss(twin: Any, x: Array, y: Array) -> float:
    """As training sees it: with dropout, and by the batch's statistics."""
    return float(twin._forward_and_loss(x, y, None, training=True)[0].loss)


def histograms(model: Any, x: Array) -> list[dict[str, Any]]:
    """How each layer's outputs for some images are spread, and the share of its relus that are zero for all of them."""
    twin = snapshot(model)
    dead = dead_relu_share(twin, x)
    found = []
    for layer, _, y in twin.walk(x):
        if not isinstance(layer, InputLayer):
            finite = y[np.isfinite(y)]
            counts, edges = np.histogram(finite if finite.size else np.zeros(1), BINS)
            named = {"name": layer.name, "counts": counts.tolist(), "edges": edges.tolist()}
            found.append(named | {"dead": dead.get(layer.name)})
    return found


def misread(model: Any, x: Array, y: Array) -> list[tuple[int, int, float]]:
    """The images that are read wrong, those first that are nearest to being read: place, answer and its share.

    Shapes:  x (n, h, w, c), y (n,) labels
    """
    p = predictions(model, x).reshape(len(x), -1)
    answers = p.argmax(axis=1)
    wrong = np.flatnonzero(answers != y)
    lead = p[wrong, answers[wrong]] - p[wrong, y[wrong]]
    return [(int(i), int(answers[i]), float(p[i, answers[i]])) for i in wrong[np.argsort(lead)][:MISREAD]]
