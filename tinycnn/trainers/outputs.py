"""What a step comes to, output by output: prediction, loss and gradient; and models that have several outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn import losses
from tinycnn.layers import Layer
from tinycnn.losses import Loss
from tinycnn.metrics import CompileMetrics, Outcome
from tinycnn.metrics.metric import Mean, Metric

Array = np.ndarray


def takes_logits(loss: Any, layer: Layer | None) -> bool:
    """Whether the layer's activation and the loss are computed in one go, from the logits."""
    activation = getattr(layer, "activation", None)
    return activation is not None and activation == loss.logits_activation


def outcome_and_gradient(
    loss: Loss, layer: Layer, from_logits: bool, y: Array, output: Array, sample_weight: Array | None, training: bool
) -> tuple[Outcome, Array]:
    """Prediction and loss, and the gradient to start backward with.

    ``output`` is the layer's, with ``from_logits`` without its activation: a softmax followed by a cross-entropy is
    computed in one go from the logits z, the gradient is (p − y)/n, and nothing has to be clipped; see `takes_logits`.
    """
    activation = getattr(layer, "activation", None)
    if from_logits:
        y_pred, value, dy = loss.with_activation(y, output, sample_weight, layer.kernels)
        return Outcome(y_pred, value, output, activation), dy
    dy = loss.backward(y, output, sample_weight) if training else output
    return Outcome(output, loss.forward(y, output, sample_weight), None, activation), dy


class LossPerOutput:
    """A loss for each output of a model.

    Math:    L = Σₖ wₖ·Lₖ, with the loss Lₖ and the weight wₖ of output k

    Args:
        names: of the outputs.
        loss: what `losses.get` takes, for all outputs, or a list or dict of as many as there are outputs.
        loss_weights: numbers, as a list or dict; 1 by default.

    Raises:
        ValueError: not as many as there are outputs; names of others.
    """

    def __init__(self, names: Sequence[str], loss: Any, loss_weights: Any = None):
        is_one = isinstance(loss, Mapping) and "class_name" in loss
        given = loss if isinstance(loss, (list, tuple, Mapping)) and not is_one else [loss] * len(names)
        self.names = list(names)
        self.losses = [losses.get(one) for one in per_output("compile", "loss", given, names)]
        weights = [1.0] * len(names) if loss_weights is None else per_output("compile", "weight", loss_weights, names)
        for weight in weights:
            if not isinstance(weight, (int, float, np.number)) or not np.isfinite(weight):
                raise ValueError(
                    f"compile: expected loss_weights of finite numbers, received {weight!r}. Write [1.0, 0.5]."
                )
        self.loss_weights = None if loss_weights is None else [float(weight) for weight in weights]

    @property
    def weights(self) -> list[float]:
        return self.loss_weights or [1.0] * len(self.losses)

    @property
    def is_mean_over_samples(self) -> bool:
        return all(loss.is_mean_over_samples for loss in self.losses)

    def validate(self, y_true: Sequence[Any], y_pred_shapes: Sequence[Any]) -> None:
        """Each output's labels, see `Loss.validate`."""
        for loss, y, shape in zip(self.losses, y_true, y_pred_shapes, strict=True):
            loss.validate(y, shape)

    def check_weights(self, who: str, sample_weight: Sequence[Any], y_pred_shapes: Sequence[Any]) -> None:
        """Each output's weights, see `Loss.check_weights`."""
        for loss, weight, shape in zip(self.losses, sample_weight, y_pred_shapes, strict=True):
            if weight is not None:
                loss.check_weights(who, weight, shape)

    def outcome_and_gradients(
        self,
        layers: Sequence[Layer],
        from_logits: Sequence[bool],
        y: Sequence[Array],
        outputs: Sequence[Array],
        sample_weight: Any,
        training: bool,
    ) -> tuple[Outcome, list[Array]]:
        """As `outcome_and_gradient`, of all outputs; the outcome has those of the outputs as its ``parts``."""
        parts, gradients = [], []
        weights = sample_weight or [None] * len(self.losses)
        ends = zip(self.losses, self.weights, layers, from_logits, y, outputs, weights, strict=True)
        for loss, factor, layer, plain, y_true, output, weight in ends:
            part, dy = outcome_and_gradient(loss, layer, plain, y_true, output, weight, training)
            parts.append(part)
            gradients.append(dy * dy.dtype.type(factor) if factor != 1 else dy)
        total = float(sum(factor * part.loss for factor, part in zip(self.weights, parts, strict=True)))
        return Outcome(tuple(part.y_pred for part in parts), total, parts=tuple(parts)), gradients


class FiguresPerOutput:
    """`CompileMetrics` of each output, and the mean of the whole loss.

    Keras:   ``loss``, then ``<output>_loss`` of each output, then ``<output>_<metric>``. Metrics come as a list of as
             many lists (or single ones, or None) as there are outputs, or as a dict by output
    """

    def __init__(self, names: Sequence[str], metrics: Any, weighted_metrics: Any):
        self.names, self.loss = list(names), Mean("loss")
        self.identifiers = metrics, weighted_metrics
        plain, weighted = (
            [as_list(one) for one in per_output("compile", "list of metrics", several, names, may_lack=True)]
            for several in self.identifiers
        )
        self.parts = [CompileMetrics(*both) for both in zip(plain, weighted, strict=True)]

    def update_state(self, y_true: Sequence[Array], outcome: Outcome, sample_weight: Any = None) -> None:
        """Take in one batch."""
        self.loss.update_state(outcome.loss, len(y_true[0]))
        weights = sample_weight or [None] * len(self.parts)
        for part, *batch in zip(self.parts, y_true, outcome.parts, weights, strict=True):
            part.update_state(*batch)

    @property
    def given(self) -> list[Any]:
        return [identifier for part in self.parts for identifier in part.given]

    def reset_state(self) -> None:
        self.loss.reset_state()
        for part in self.parts:
            part.reset_state()

    @property
    def all(self) -> list[Metric]:
        losses = [part.loss for part in self.parts]
        return [self.loss, *losses, *(metric for part in self.parts for metric in part.all[1:])]

    def results(self) -> dict[str, float]:
        """All figures so far by name."""
        found = {"loss": self.loss.result()}
        by_output = [part.results() for part in self.parts]
        found |= {f"{name}_loss": part.pop("loss") for name, part in zip(self.names, by_output, strict=True)}
        for name, part in zip(self.names, by_output, strict=True):
            found |= {f"{name}_{metric}": value for metric, value in part.items()}
        return found


def per_output(who: str, what: str, given: Any, names: Sequence[str], may_lack: bool = False) -> list[Any]:
    """What is given for each of several outputs (or inputs), in their order: a list, or a dict by their names.

    With ``may_lack`` nothing at all, or a dict without some of them, gives None for these.

    Raises:
        ValueError: not as many as there are outputs; names of others.
    """
    if may_lack and (given is None or given == []):
        return [None] * len(names)
    if isinstance(given, Mapping):
        if set(given) <= set(names) if may_lack else set(given) == set(names):
            return [given.get(name) for name in names]
    elif isinstance(given, (list, tuple)) and len(given) == len(names):
        return list(given)
    received = f"those of {', '.join(map(str, given))}" if isinstance(given, Mapping) else _counted(given)
    raise ValueError(
        f"{who}: expected one {what} for each of {', '.join(names)}, received {received}. Pass a list of "
        f"{len(names)}, in this order, or a dict by these names."
    )


def only_one(who: str, what: str, given: Any, names: Sequence[str]) -> Any:
    """What a dict by name holds for a model's only output (or input); anything else as it is."""
    is_by_name = isinstance(given, Mapping) and "class_name" not in given
    return per_output(who, what, given, names)[0] if is_by_name else given


def as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def _counted(given: Any) -> str:
    return f"a list of {len(given)}" if isinstance(given, (list, tuple)) else f"one {type(given).__name__}"
