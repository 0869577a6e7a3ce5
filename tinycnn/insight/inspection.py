"""Look into a model: every layer's activations and gradients, dead relus, how far a step moves, once or over training.

    activations(model, x)["conv2d"].shape
    gradients(model, x, y)["dense"].parameters["kernel"].std()
    monitor = Monitor(x, y, every=10)
    model.fit(..., callbacks=[monitor])
    plt.plot(monitor.steps, monitor.activations["conv2d"]["std"])

Looking changes nothing: what would move statistics or draw from a random stream is done on a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinycnn.insight.copies import copy_model
from tinycnn.trainers.batches import ArrayBatches, check_arrays, check_batch_size, check_count
from tinycnn.trainers.callbacks import Callback
from tinycnn.trainers.callbacks.callback import Logs, is_count, is_list_of
from tinycnn.trainers.outputs import outcome_and_gradient

if TYPE_CHECKING:
    from tinycnn.layers import Layer
    from tinycnn.sequential import Sequential

Array = np.ndarray


@dataclass(frozen=True)
class LayerGradients:
    """The gradients of the loss at one layer.

    ``input`` and ``output`` have the shapes of the layer's input (a list, where it takes several) and output for the
    batch, ``parameters`` holds an array of the parameter's shape for each parameter that is trained, by name.
    """

    input: Any
    output: Array
    parameters: dict[str, Array]


def activations(model: Sequential, x: Any, training: bool = False) -> dict[str, Array]:
    """Every layer's output for a batch, by the layer's name.

    Shapes:  x (n, h, w, c);  the arrays (n, ...), as `Sequential.summary` shows them

    Args:
        model: a model that is built; stays as it is.
        x: the batch. All outputs are held in memory at once.
        training: whether dropout drops and batch normalization takes the batch's own statistics, as in `fit`.

    Raises:
        RuntimeError: a model that is not built.
        TypeError, ValueError: an x that is not finite numbers, or that the model cannot take.
    """
    model._require_built("activations")
    x, _, _ = model._check_images("activations", x)
    return _outputs(copy_model(model) if training else model, x, training)


def gradients(model: Sequential, x: Any, y: Any, sample_weight: Any = None) -> dict[str, LayerGradients]:
    """The gradients of a training step, layer by layer: of input, output and parameters, by the layer's name.

    Math:    the chain rule, dx = backward(dy) from the last layer to the first. The parameters' gradients are those
             that `fit` hands to the optimizer, penalties of regularizers included. A softmax with its cross-entropy is
             computed from the logits there; the gradient of its output p stands alone: ∂loss/∂p, clipping included
    Shapes:  x (n, h, w, c);  see `LayerGradients`

    Args:
        model: a model that is compiled with a loss; its weights, statistics, random streams and optimizer stay as
            they are.
        x, y, sample_weight: the batch, as for `fit`.

    Raises:
        RuntimeError: a model that is not compiled with a loss.
        TypeError, ValueError: data that does not fit the model or the loss.
    """
    model._require_compiled("gradients")
    x, y, sample_weight = model._check_data("gradients", x, y, sample_weight)
    return _forward_and_backward(copy_model(model), x, y, sample_weight)[1]


def dead_relu_share(model: Sequential, x: Any, batch_size: int | None = None) -> dict[str, float]:
    """The share of each relu layer's units that are zero for every sample of x: they pass on nothing and learn nothing.

    Math:    unit k is dead where y[..., k] = 0 everywhere; its gradient is then 0 too, whatever follows
    Shapes:  y (n, units) or (n, h, w, channels): a unit of a convolution is a channel, at all places of all images

    Computed in inference mode, for all layers whose activation is "relu", by their names; empty where there are none.
    A unit that is dead on a few images may live on others: take as many as you can.

    Raises:
        RuntimeError: a model that is not built.
        TypeError, ValueError: an x that is not finite numbers, or that the model cannot take.
    """
    model._require_built("dead_relu_share")
    x, _, _ = model._check_images("dead_relu_share", x)
    dead: dict[str, Array] = {}
    for batch, _, _ in ArrayBatches(x, batch_size=check_batch_size("dead_relu_share", batch_size)).epoch():
        for layer, _, y in model.walk(batch):
            if _is_relu(layer):
                dead[layer.name] = dead.get(layer.name, True) & _dead(y)
    return {name: float(units.mean()) for name, units in dead.items()}


def parameter_values(model: Sequential) -> dict[str, Array]:
    """Copies of all parameters that are trained, by name: ``{"conv2d/kernel": ..., "conv2d/bias": ...}``."""
    return {_name(layer, p): p.value.copy() for layer in model.layers for p in layer.parameters}


def update_to_data_ratio(before: Mapping[str, Array], after: Mapping[str, Array]) -> dict[str, float]:
    """How far a step has moved each parameter, beside its size.

    Math:    std(after − before)/std(after); NaN for parameters without spread, such as a single number
    Source:  A. Karpathy, "Building makemore part 3: activations & gradients, BatchNorm", 2022, plots its logarithm and
             takes 1e-3 as a rule of thumb: much less is slow learning, much more a learning rate that is too high

    Args:
        before, after: arrays by name, as `parameter_values` returns them.

    Raises:
        ValueError: the names differ.
    """
    if before.keys() != after.keys():
        raise ValueError(
            f"update_to_data_ratio: expected the parameters {', '.join(before)}, received {', '.join(after)}. "
            "Take parameter_values of one model before and after the step."
        )
    ratios = {}
    for name, value in after.items():
        spread = np.std(value, dtype=np.float64)
        moved = np.std(np.subtract(value, before[name], dtype=np.float64))
        ratios[name] = float(moved / spread) if spread > 0 else float("nan")
    return ratios


class Monitor(Callback):
    """Keeps, over training, how activations and gradients of a fixed batch are spread, and how far steps move.

    It looks before the first step and after every ``every``-th one, in training mode, on a copy of the model: training
    goes on with the same bits as without it.

    Args:
        x: a batch of images to look at, always the same.
        y: their labels; without them there are no gradients.
        every: steps between two looks.
        bins: of the histograms.

    Attributes:
        steps: the number of training steps before each look: 0, every, 2·every, ...; say r of them.
        activations: for each layer by name a dict of arrays over the looks: "mean", "std" and "zeros" (the share of
            values that are exactly 0), all (r,); and of histograms: "counts" (r, bins) and "edges" (r, bins + 1).
        gradients: the same of the gradients of each layer's output.
        parameter_gradients: the same of each parameter's gradient, by names such as "conv2d/kernel".
        dead_relu_share: for each layer with relu (r,): the share of its units that are zero for the whole batch.
        update_to_data_ratio: for each parameter (r,), see the function of that name; of the last step before the look,
            NaN at step 0.

    Where a training diverges, means and deviations become infinite or NaN, and histograms hold what is finite.

    Raises:
        TypeError, ValueError: data that is not finite numbers, or, in `fit`, that does not fit the model or the loss.
    """

    state_attributes: ClassVar = {
        "steps": lambda value: is_list_of(is_count, value),
        "_step": is_count,
        "_looks": lambda value: isinstance(value, dict),
    }

    def __init__(self, x: Any, y: Any = None, every: int = 1, bins: int = 40):
        super().__init__()
        self.x, self.y, _ = check_arrays("Monitor", x, y)
        self.every = check_count("Monitor", "every", every, "Use 1 to look after every step.")
        self.bins = check_count("Monitor", "bins", bins, "Try 40.")
        self.steps: list[int] = []
        self._step = 0
        # Numbers and lists of them, which a checkpoint can hold: what -> name of layer or parameter -> figure -> looks
        self._looks: dict[str, dict[str, dict[str, list[Any]]]] = {}

    @property
    def activations(self) -> dict[str, dict[str, Array]]:
        return self._arrays("activations")

    @property
    def gradients(self) -> dict[str, dict[str, Array]]:
        return self._arrays("gradients")

    @property
    def parameter_gradients(self) -> dict[str, dict[str, Array]]:
        return self._arrays("parameter_gradients")

    @property
    def dead_relu_share(self) -> dict[str, Array]:
        return {name: figures["share"] for name, figures in self._arrays("dead_relu_share").items()}

    @property
    def update_to_data_ratio(self) -> dict[str, Array]:
        return {name: figures["ratio"] for name, figures in self._arrays("update_to_data_ratio").items()}

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        if self._step == 0:
            self._look(dict.fromkeys(parameter_values(self.model), float("nan")))
        self._before = parameter_values(self.model) if (self._step + 1) % self.every == 0 else None

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step += 1
        if self._before is not None:
            with np.errstate(all="ignore"):
                self._look(update_to_data_ratio(self._before, parameter_values(self.model)))

    def _look(self, ratios: dict[str, float]) -> None:
        self.steps.append(self._step)
        twin = copy_model(self.model)
        with np.errstate(all="ignore"):  # a training that diverges is what one may want to see
            if self.y is None:
                outputs = _outputs(twin, self.x, training=True)
            else:
                x, y, _ = twin._check_data("Monitor", self.x, self.y)
                outputs, found = _forward_and_backward(twin, x, y)
                for layer, gradient in found.items():
                    self._keep("gradients", layer, self._figures(gradient.output))
                    for name, values in gradient.parameters.items():
                        self._keep("parameter_gradients", f"{layer}/{name}", self._figures(values))
            for layer in twin.layers:
                if layer.name not in outputs:  # an input
                    continue
                self._keep("activations", layer.name, self._figures(outputs[layer.name]))
                if _is_relu(layer):
                    self._keep("dead_relu_share", layer.name, {"share": float(_dead(outputs[layer.name]).mean())})
        for name, ratio in ratios.items():
            self._keep("update_to_data_ratio", name, {"ratio": ratio})

    def _figures(self, values: Array) -> dict[str, Any]:
        values = values.ravel().astype(np.float64)
        finite = values[np.abs(values) < 1e300]  # neither NaN nor infinite, nor with a distance that is
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        size = max(abs(low), abs(high))
        if high - low <= 1e-9 * size:  # as good as one number: bins around it
            low, high = low - (size or 1) / 2, high + (size or 1) / 2
        counts, edges = np.histogram(finite, self.bins, (low, high))
        return {
            "mean": float(values.mean()),
            "std": float(values.std()),
            "zeros": float(np.mean(values == 0)),
            "counts": counts.tolist(),
            "edges": edges.tolist(),
        }

    def _keep(self, what: str, name: str, figures: dict[str, Any]) -> None:
        looks = self._looks.setdefault(what, {}).setdefault(name, {})
        for figure, value in figures.items():
            looks.setdefault(figure, []).append(value)

    def _arrays(self, what: str) -> dict[str, dict[str, Array]]:
        kept = self._looks.get(what, {})
        return {name: {figure: np.array(looks) for figure, looks in f.items()} for name, f in kept.items()}


def _outputs(model: Any, x: Any, training: bool) -> dict[str, Array]:
    return {layer.name: y for layer, _, y in model.walk(x, training)}


def _forward_and_backward(
    model: Any, x: Any, y: Any, sample_weight: Any = None
) -> tuple[dict[str, Array], dict[str, LayerGradients]]:
    """All outputs in training mode, and all gradients; moves statistics and random streams."""
    outputs = {layer.name: y for layer, _, y in model.walk(x, training=True, activate=False)}
    gradients, of_outputs = [], {}
    labels, weights = (y, sample_weight or [None] * len(y)) if isinstance(y, tuple) else ((y,), (sample_weight,))
    ends = zip(model._losses, model._loss_weights, model._ends[1], model._from_logits, labels, weights, strict=True)
    for loss, factor, head, from_logits, y_true, weight in ends:
        outcome, dy = outcome_and_gradient(loss, head, from_logits, y_true, outputs[head.name], weight, training=True)
        outputs[head.name] = outcome.y_pred
        gradients.append(dy * dy.dtype.type(factor))
        if from_logits:
            of_outputs[head.name] = loss.backward(y_true, outcome.y_pred, weight) * dy.dtype.type(factor)
    found = {}
    for layer, dx, dy in model.walk_back(gradients):
        found[layer.name] = LayerGradients(dx, of_outputs.get(layer.name, dy), _parameter_gradients(layer))
    return outputs, dict(reversed(found.items()))


def _parameter_gradients(layer: Layer) -> dict[str, Array]:
    return {
        p.name: p.grad.copy() if p.regularizer is None else p.grad + p.regularizer.gradient(p.value)
        for p in layer.parameters
    }


def _is_relu(layer: Layer) -> bool:
    return getattr(layer, "activation", None) == "relu"


def _dead(y: Array) -> Array:
    """(units,): whether a unit, on the last axis, is zero for all samples and places."""
    return np.asarray((y == 0).all(axis=tuple(range(y.ndim - 1))))


def _name(layer: Layer, parameter: Any) -> str:
    return f"{layer.name}/{parameter.name}"
