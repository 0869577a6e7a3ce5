"""Keras's training loop over a chain of layers: compile, fit, evaluate, predict, and the one step that all is about.

`fit` asks for batches (batches.py), takes a step with each of them, and tells the callbacks of it. A step is
`Trainer._train_step`: forward, loss, backward, update.
"""

from __future__ import annotations

import copy
import math
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import numpy as np

from tinycnn import kernels as kernel_sets
from tinycnn import losses, optimizers
from tinycnn import metrics as metrics_module
from tinycnn.kernels import compiled_ahead, is_compiling
from tinycnn.layers import Layer, Parameter, ParameterVector
from tinycnn.output import show
from tinycnn.trainers.batches import (
    ArrayBatches,
    InputBatches,
    SourceBatches,
    check_alone,
    check_arrays,
    check_batch_size,
    check_class_weight,
    check_count,
    check_lasts,
    check_steps,
    is_source,
    joined,
    length,
    only_array,
    split_off_validation,
    weights_of_classes,
    with_last_axis,
)
from tinycnn.trainers.callbacks import Callback, CallbackList, History
from tinycnn.trainers.fusion import backward_through, forward_through, fused_steps
from tinycnn.trainers.interrupt import BrokenOff, Interrupt
from tinycnn.trainers.outputs import (
    FiguresPerOutput,
    LossPerOutput,
    only_one,
    outcome_and_gradient,
    per_output,
)
from tinycnn.utils import NoMisspelling, lookup, underflow_is_zero

Array = np.ndarray

#: What `compile` takes as metrics: of one output, or of several in a list or dict.
Metrics = (
    Sequence[metrics_module.Identifier | Sequence[metrics_module.Identifier] | None]
    | Mapping[str, metrics_module.Identifier | Sequence[metrics_module.Identifier] | None]
)

_LOCKS = ("_weights_in_use", "_figures_in_use", "_fitting")


class LossNotFiniteError(FloatingPointError):
    """A training step came to a loss that is NaN or infinite."""


class Trainer(NoMisspelling, ABC):
    """How a model is trained. The model brings along its layers, and whether they are built.

    Args:
        shuffle_rng: the stream of random numbers that the order of samples comes from.
    """

    name: str
    built: bool
    input_names: Any  # lists of str
    output_names: Any
    _layers: list[Layer]

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters to be trained."""

    @property
    @abstractmethod
    def output_shape(self) -> Any:
        """The shape of the output; a list of several."""

    @property
    @abstractmethod
    def _ends(self) -> tuple[list[Layer], list[Layer]]:
        """The layers that take the model's inputs, and those that make its outputs."""

    @property
    @abstractmethod
    def _from_logits(self) -> list[bool]:
        """For each output whether its loss is computed from its logits."""

    @abstractmethod
    def walk(self, x: Any, training: bool = False, activate: bool = True) -> Iterator[tuple[Layer, Any, Array]]:
        """Layer by layer: the layer, what it takes, and its output."""

    @abstractmethod
    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Give every layer its parameters."""

    @abstractmethod
    def __call__(self, x: Any, training: bool | None = None) -> Any:
        """The model's output for a batch, layer by layer."""

    @abstractmethod
    def _built_only_if_all_goes_well(self) -> AbstractContextManager[None]:
        """Where the work inside fails, layers that were not built before it are not built after it."""

    def __init__(self, shuffle_rng: np.random.Generator):
        self.compiled = False
        self.stop_training = False
        self.interrupted = False
        self.initial_epoch = 0
        self.history: History | None = None
        self.optimizer: Any = None
        self.loss: Any = None
        self._shuffle_rng = shuffle_rng
        self._vector: ParameterVector | None = None
        self._fused: list[Any] | None = None
        self._figures: Any = metrics_module.CompileMetrics((), ())
        self._validates = self._can_undo = False
        self._make_locks()

    def _make_locks(self) -> None:
        self._weights_in_use = threading.RLock()
        self._figures_in_use = threading.Lock()
        self._fitting = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy holds: not the locks, nor what is made of the layers and would bind the copy to them."""
        state = {**vars(self), "_vector": None, "_fused": None}
        return {name: value for name, value in state.items() if name not in _LOCKS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_locks()

    # The same for training, evaluation and prediction: layers that follow each other may be one fused step

    @property
    def _steps(self) -> list[Any]:
        if self._fused is None:
            self._fused = fused_steps(self._layers)
        return self._fused

    @underflow_is_zero  # fused steps, and all that stands between the layers
    def _forward(self, x: Any, training: bool, activate: Any = True) -> Any:
        with self._weights_in_use:
            return forward_through(self._steps, x, training, activate)

    def _backward(self, dy: Array, input_gradient: bool = False) -> Any:
        """By default without the gradient of the input, which training has no use for."""
        return backward_through(self._steps, dy, input_gradient)

    # Training

    def compile(
        self,
        optimizer: optimizers.Identifier = "rmsprop",
        loss: losses.Identifier | Sequence[Any] | None = None,
        *,
        loss_weights: Any = None,
        metrics: Metrics | None = None,
        weighted_metrics: Metrics | None = None,
        run_eagerly: bool = False,
        jit_compile: Any = "auto",
        steps_per_execution: int = 1,
        kernels: str | kernel_sets.Kernels = "fast",
    ) -> None:
        """Say how the model is to be trained.

        Args:
            optimizer: a name such as "adam", or an optimizer.
            loss: a name such as "sparse_categorical_crossentropy", or a loss; a list or dict of one for each output,
                where there are several.
            loss_weights: of several outputs' losses in their sum, as a list or dict.
            metrics: names such as "accuracy", or metrics; they ignore sample weights. Of several outputs a list or dict
                of such lists.
            weighted_metrics: the same, with sample weights.
            run_eagerly, jit_compile, steps_per_execution: accepted as in Keras, without effect here.
            kernels: "fast" (Numba), "reference" (NumPy; start Python with OPENBLAS_NUM_THREADS=1 where other programs
                run, README.md says why), or a `tinycnn.kernels.Kernels`.

        Raises:
            ValueError: an unknown name; the message holds the closest known one.
        """
        is_set = isinstance(kernels, kernel_sets.Kernels)
        chosen: Any = kernels if is_set else lookup("kernels", kernels, kernel_sets.SETS)
        several = len(self.output_names) > 1
        if loss_weights is not None and not several:
            raise ValueError(
                f"compile: expected loss_weights with several outputs, received {loss_weights!r} for one. Leave it out."
            )
        if several:
            checked_loss: Any = None if loss is None else LossPerOutput(self.output_names, loss, loss_weights)
        else:
            loss, metrics, weighted_metrics = (
                only_one("compile", what, given, self.output_names)
                for what, given in (("loss", loss), ("list of metrics", metrics), ("list of metrics", weighted_metrics))
            )
            loss = loss[0] if isinstance(loss, (list, tuple)) and len(loss) == 1 else loss
            checked_loss = None if loss is None else losses.get(loss)  # type: ignore[arg-type]
        checked_optimizer = optimizers.get(optimizer)
        for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if isinstance(given, str):
                raise TypeError(f"compile: expected {name} to be a list, received {given!r}. Write [{given!r}].")
        figures: Any
        if several:
            figures = FiguresPerOutput(self.output_names, metrics, weighted_metrics)
        else:
            figures = metrics_module.CompileMetrics(metrics or (), weighted_metrics or ())
        for metric in figures.given:
            metrics_module.get(metric, (None,), (None, 2))  # unknown names are found now, not in the first step
        self.loss, self.optimizer, self._figures = checked_loss, checked_optimizer, figures
        self._fused = None  # layers may have become what a pattern looks for
        self.optimizer.kernels = chosen
        for layer in self._layers:
            layer.kernels = chosen
        self.compiled = True

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train, and return the `History` of every epoch's loss and metrics.

        Each step: forward, loss, backward, optimizer. The figures of an epoch are means over its batches, taken in
        training mode while the weights moved; those of the validation come after it, in inference mode. Ctrl-C
        ends training after the running step: the History so far is returned and ``interrupted`` is True.

        Args:
            x, y: images (n, h, w, c) and labels; or x alone, a source of batches (x, y) or (x, y, sample_weight): a
                `keras.utils.PyDataset`, a generator, a list, a tf.data.Dataset, torch's DataLoader.
            batch_size: samples a step, by default 32; the last batch may be smaller. Of arrays only.
            epochs, initial_epoch: train from epoch ``initial_epoch`` (from 0) up to ``epochs``.
            verbose: 0 silent, 1 progress bar, 2 figures of each epoch; "auto" is 1, and 2 where there is no terminal.
            callbacks: `tinycnn.callbacks.Callback` objects.
            validation_split: the share of the last rows to validate with, cut off before shuffling; without effect
                where there is validation_data.
            validation_data: (x, y) or (x, y, sample_weight) to validate with, or a source of such batches.
            shuffle: whether each epoch has an order of its own: of the samples of arrays, of a PyDataset's batches.
                Other sources come in their own order.
            class_weight: weight of each class in the loss; classes left out weigh 1.0. Not with sample weights.
            sample_weight: weight of each sample in the loss, (n,).
            steps_per_epoch: batches an epoch, where not all of the data: each epoch begins where the last one ended.
                Where the data comes to its end, so does the epoch, with a warning; the next one begins anew.
            validation_steps: batches of a validation, from the first on; a generator goes on from epoch to epoch.
            validation_batch_size: by default ``batch_size``.
            validation_freq: validate every so many epochs. These three matter only where something is validated.

        Raises:
            RuntimeError: before `compile`; while the model is being trained already.
            TypeError, ValueError: data that does not fit the model or the loss, an optimizer that belongs to another
                model; nothing has changed then.
            FloatingPointError: the loss is NaN or infinite; names the epoch, the step and the layer. With
                `TerminateOnNaN` among the callbacks, training ends instead.
        """
        self._require_compiled("fit")
        self._warn_of_logits("fit")
        batch_size = check_batch_size("fit", batch_size)
        epochs = check_count("fit", "epochs", epochs, "Try 10.", least=0)
        validation_freq = check_count("fit", "validation_freq", validation_freq, "Use 1 to validate every epoch.")
        check_steps("fit", "steps_per_epoch", steps_per_epoch)
        check_steps("fit", "validation_steps", validation_steps)
        if validation_batch_size is not None:
            check_count("fit", "validation_batch_size", validation_batch_size, "Leave it out to take batch_size.")
        check_class_weight("fit", class_weight, sample_weight, len(self.output_names))
        if isinstance(initial_epoch, bool) or not isinstance(initial_epoch, (int, np.integer)) or initial_epoch < 0:
            raise ValueError(f"fit: expected initial_epoch to be 0 or more, received {initial_epoch!r}. Use 0.")
        if shuffle not in (True, False):
            raise ValueError(
                f"fit: expected shuffle to be True or False, received {shuffle!r}. True shuffles the whole set."
            )
        rng = self._shuffle_rng if shuffle else None
        if is_source(x):
            split = validation_split if validation_data is None and validation_split else None
            check_alone("fit", y=y, sample_weight=sample_weight, validation_split=split)
            check_lasts("fit", x, steps_per_epoch, "steps_per_epoch", epochs - initial_epoch)
            check = partial(self._check_data, class_weight=class_weight)
            data: Any = SourceBatches("fit", x, steps_per_epoch, check, rng, goes_on=True, steps_name="steps_per_epoch")
        else:
            x, y, sample_weight = self._check_data("fit", x, y, sample_weight)
            if validation_split and validation_data is None:
                (x, y, sample_weight), validation_data = split_off_validation(x, y, sample_weight, validation_split)
            if class_weight is not None:
                sample_weight = weights_of_classes(y, class_weight)
            data = ArrayBatches(
                x,
                y,
                sample_weight,
                batch_size,
                rng,
                steps=steps_per_epoch,
                goes_on=True,
                who="fit",
                steps_name="steps_per_epoch",
            )
        validation = None
        if validation_data is not None:
            who, steps_name = "fit: validation_data", "validation_steps"
            validations = epochs // validation_freq - initial_epoch // validation_freq
            check_lasts(who, validation_data, validation_steps, steps_name, validations)
            validation = self._evaluation_data(
                who, validation_data, validation_batch_size or batch_size, validation_steps, steps_name
            )

        self._check_trainable("fit")
        with self._alone("fit"), self._own_figures() as figures:
            self.stop_training = self.interrupted = False
            self.initial_epoch = initial_epoch
            hooks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                model=self,
                verbose=verbose,
                epochs=epochs,
                steps=data.steps,
            )
            self._validates = validation is not None
            return self._epochs(data, validation, validation_freq, hooks, figures)

    def _epochs(
        self,
        data: Any,
        validation: Any,
        validation_freq: int,
        hooks: CallbackList,
        figures: metrics_module.CompileMetrics,
    ) -> History:
        """Epoch after epoch: the steps, then the validation."""
        self.history = history = hooks.history or History()
        hooks.on_train_begin()
        logs: dict[str, float] = {}
        with hooks, Interrupt(breaks_off=lambda: self._can_undo and is_compiling()) as interrupt:
            for epoch in range(self.initial_epoch, hooks.params["epochs"]):  # BackupAndRestore may have moved it
                figures.reset_state()
                hooks.on_epoch_begin(epoch)
                step = -1
                for step, (x_batch, y_batch, weight) in enumerate(data.epoch()):
                    if hooks.wants_batches:
                        hooks.on_train_batch_begin(step)
                    try:
                        place = f"epoch {epoch + 1}, step {step + 1}"
                        with self._weights_in_use:
                            outcome = self._train_step(x_batch, y_batch, weight, place)
                        figures.update_state(y_batch, outcome, weight)
                    except LossNotFiniteError:
                        if not hooks.terminates_on_nan:
                            raise
                        figures.loss.update_state(math.nan)
                    except BrokenOff:
                        step -= 1
                        break
                    if hooks.wants_batches:
                        hooks.on_train_batch_end(step, _sorted(figures))
                    if interrupt.requested or self.stop_training:
                        break
                if interrupt.requested:
                    self.interrupted = self.stop_training = True
                    break
                logs = _sorted(figures)
                if validation is not None and (epoch + 1) % validation_freq == 0:
                    figures.reset_state()
                    results = self._evaluate(validation, hooks, figures)
                    logs |= {f"val_{name}": value for name, value in results.items()}
                hooks.on_epoch_end(epoch, logs)
                self.interrupted = interrupt.requested  # Ctrl-C during the validation
                if self.interrupted or self.stop_training:
                    break
        hooks.on_train_end(logs)
        if self.interrupted and hooks.params["verbose"] != 0:
            show(f"Training stopped by {interrupt.cause} in epoch {epoch + 1}, after step {step + 1}.")
        return history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics in inference mode: ``[loss, accuracy]``, or the loss alone where there are no metrics.

        Args:
            x, y, sample_weight: as for `fit`; or x alone, a source of batches.
            batch_size: samples at a time, by default 32; it changes no result but the rounding. Of arrays only.
            verbose: 0 silent, 1 progress bar, 2 a line.
            steps: batches to take, where not all of the data; a warning where there are fewer.
            callbacks: `tinycnn.callbacks.Callback` objects.
            return_dict: whether to return ``{"loss": ..., "accuracy": ...}``.
        """
        self._require_compiled("evaluate")
        self._warn_of_logits("evaluate")
        check_steps("evaluate", "steps", steps)
        if is_source(x):
            check_alone("evaluate", y=y, sample_weight=sample_weight)
        data = self._evaluation_data(
            "evaluate",
            x if is_source(x) else (x, y, sample_weight),
            check_batch_size("evaluate", batch_size),
            steps,
        )
        hooks = CallbackList(callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, steps=data.steps)
        with self._own_figures() as figures:
            self._evaluate(data, hooks, figures)
            return _returned(figures, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> Any:
        """The model's outputs for images (n, h, w, c), in inference mode; computed batch by batch.

        Args:
            x: images; or a source of batches x, (x,), (x, y) or (x, y, sample_weight), of which x is taken.
            batch_size, verbose, steps, callbacks: as for `evaluate`.
        """
        check_steps("predict", "steps", steps)
        batch_size = check_batch_size("predict", batch_size)
        if is_source(x):
            data: Any = InputBatches("predict", x, steps, self._check_images)
        else:
            data = ArrayBatches(*self._check_images("predict", x), batch_size, steps=steps, who="predict")
        hooks = CallbackList(callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, steps=data.steps)
        hooks.on_predict_begin()
        outputs = []
        for step, (x_batch, _, _) in enumerate(data.epoch()):
            hooks.on_predict_batch_begin(step)
            with compiled_ahead(partial(self._rehearse, x_batch)):
                outputs.append(self._forward(x_batch, training=False))
            hooks.on_predict_batch_end(step, {"outputs": outputs[-1]})
        hooks.on_predict_end()
        return joined(outputs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch. Returns loss and metrics of this batch."""
        self._require_compiled("train_on_batch")
        self._warn_of_logits("train_on_batch")
        x, y, sample_weight = self._check_data("train_on_batch", x, y, sample_weight, class_weight)
        self._check_trainable("train_on_batch")
        with self._own_figures() as figures:
            with self._weights_in_use:
                outcome = self._train_step(x, y, sample_weight, "this batch")
            figures.update_state(y, outcome, sample_weight)
            return _returned(figures, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch in inference mode."""
        self._require_compiled("test_on_batch")
        self._warn_of_logits("test_on_batch")
        x, y, sample_weight = self._check_data("test_on_batch", x, y, sample_weight)
        with self._own_figures() as figures:
            figures.update_state(y, self._test_step(x, y, sample_weight), sample_weight)
            return _returned(figures, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The model's outputs for one batch, in inference mode."""
        images, _, _ = self._check_images("predict_on_batch", x)
        return self._forward(images, training=False)

    def reset_metrics(self) -> None:
        """Start the running means of loss and metrics again."""
        self._figures.reset_state()

    @property
    def metrics(self) -> list[Any]:
        """The running mean of the loss, and the metrics."""
        return self._figures.all

    @property
    def metrics_names(self) -> list[str]:
        return list(self._figures.results())

    @contextmanager
    def _own_figures(self) -> Iterator[metrics_module.CompileMetrics]:
        """The model's figures, reset; where they are counting for somebody else meanwhile, copies of them.

        So an evaluation changes nothing of the epoch that it is called in, be it by a callback or by another thread.
        """
        free = self._figures_in_use.acquire(blocking=False)
        figures = self._figures if free else copy.deepcopy(self._figures)
        try:
            figures.reset_state()
            yield figures
        finally:
            if free:
                self._figures_in_use.release()

    # One step

    @underflow_is_zero
    def _train_step(self, x: Array, y: Array, sample_weight: Array | None, place: str) -> metrics_module.Outcome:
        """Forward, loss, backward, update, and what constrains the weights: the whole of training."""
        vector = self._parameter_vector()
        self.optimizer.build(vector)
        with self._undone_on_error(), compiled_ahead(partial(self._rehearse, x, y, sample_weight)):
            outcome, dy = self._forward_and_loss(x, y, sample_weight, training=True)
            loss = outcome.loss + self._penalty()
            if not math.isfinite(loss):
                raise LossNotFiniteError(
                    f"loss: expected a finite number, received {loss} in {place}. {self._first_not_finite(x)} "
                    "Lower the learning rate, or look at the data of this batch."
                )
            self._backward(dy)
            for p in vector.parameters:
                if p.regularizer is not None:
                    p.grad += p.regularizer.gradient(p.value)
        self.optimizer.apply(vector)
        for p in vector.parameters:
            if p.constraint is not None:
                p.value[...] = p.constraint(p.value)
        return outcome._replace(loss=loss)

    def _rehearse(self, x: Array, y: Array | None = None, sample_weight: Array | None = None) -> None:
        """A step of a copy, for `compiled_ahead`: of training with labels y, else of inference.

        Not where it would call what somebody else has written.
        """
        parts = (*self._layers, self.optimizer, *self._losses)
        theirs = (
            any(not type(part).__module__.startswith("tinycnn.") for part in parts)
            or any(callable(getattr(type(part), name, None)) for part in (self, *parts) for name in vars(part))
            or any(layer.kernels not in kernel_sets.SETS.values() for layer in self._layers)
        )
        if theirs:
            return
        twin = copy.copy(self)
        twin._layers, twin.optimizer, twin.loss = copy.deepcopy((self._layers, self.optimizer, self.loss))
        if y is not None:
            vector = twin._parameter_vector()
            twin.optimizer.build(vector)
            _, dy = twin._forward_and_loss(x, y, sample_weight, training=True)
            twin._backward(dy)
            twin.optimizer.apply(vector)
        if y is None or self._validates:
            twin._forward(x, training=False)

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """Where a step breaks off before the weights move, as by Ctrl-C, moving statistics have not moved either."""
        state = [(array, array.copy()) for layer in self._layers for array in layer.state.values()]
        self._can_undo = True
        try:
            yield
        except BaseException:
            for array, before in state:
                array[...] = before
            for step in self._steps:
                step.forget()
            raise
        finally:
            self._can_undo = False

    @underflow_is_zero
    def _test_step(self, x: Array, y: Array, sample_weight: Array | None) -> metrics_module.Outcome:
        with self._weights_in_use, compiled_ahead(partial(self._rehearse, x)):
            outcome, _ = self._forward_and_loss(x, y, sample_weight, training=False)
            return outcome._replace(loss=outcome.loss + self._penalty())

    def _forward_and_loss(
        self, x: Any, y: Any, sample_weight: Any, training: bool
    ) -> tuple[metrics_module.Outcome, Any]:
        """Prediction and loss, and the gradient to start backward with; see `outcome_and_gradient`."""
        heads = self._ends[1]
        plain = self._from_logits
        if len(heads) == 1:
            output = self._by_output("loss", self._forward(x, training, activate=not plain[0]))
            return outcome_and_gradient(self.loss, heads[0], plain[0], y, output, sample_weight, training)
        outputs = self._by_output("loss", self._forward(x, training, activate=[not it for it in plain]), as_tuple=True)
        return self.loss.outcome_and_gradients(heads, plain, y, outputs, sample_weight, training)

    @property
    def _losses(self) -> list[Any]:
        """The loss of each output."""
        return self.loss.losses if isinstance(self.loss, LossPerOutput) else [self.loss]

    @property
    def _loss_weights(self) -> list[float]:
        """Their weights in the whole loss."""
        return self.loss.weights if isinstance(self.loss, LossPerOutput) else [1.0]

    def _penalty(self) -> float:
        """What the regularizers add to the loss."""
        return sum(p.regularizer(p.value) for p in self.parameters if p.regularizer is not None)

    def _parameter_vector(self) -> ParameterVector:
        """All trainable parameters as one vector; made anew where layers were frozen or lent to another model."""
        parameters = self.parameters
        vector = self._vector
        if (
            vector is None
            or vector.parameters != parameters
            or any(p.value.base is not vector.value for p in parameters)
        ):
            vector = self._vector = ParameterVector(parameters)
        return vector

    def _first_not_finite(self, x: Any) -> str:
        dtype = self._layers[0].dtype
        with np.errstate(over="ignore"):
            images = [np.asarray(one, dtype) for one in self._by_input("fit", x, as_tuple=True)]
        if not all(np.isfinite(one).all() for one in images):
            return f"The images are too large for {dtype}: scale them, for instance to 0 … 1."
        for layer, _, output in self.walk(x, training=True, activate=False):
            if not np.isfinite(output).all():
                return f"The first layer whose output is not finite is {layer.name!r}."
        return "All layers' outputs are finite: the loss itself, or a regularizer, is not."

    def _warn_of_logits(self, who: str) -> None:
        """Where a cross-entropy expects logits, and the model's last layer makes probabilities of them."""
        activations = {getattr(layer, "activation", None) for layer in self._ends[1]} - {None}
        for loss in (*self._losses, *self._figures.given):
            if isinstance(loss, losses.Loss) and loss.from_logits and loss.logits_activation in activations:
                warnings.warn(
                    f"{who}: expected logits for {loss.name}, which has from_logits=True, received the outputs of a "
                    f"{loss.logits_activation}. It is computed from what the {loss.logits_activation} takes in, as in "
                    "Keras. Leave out from_logits=True, or the last activation.",
                    stacklevel=3,
                )

    def _evaluate(self, data: Any, hooks: CallbackList, figures: metrics_module.CompileMetrics) -> dict[str, float]:
        """Loss and metrics over all batches."""
        hooks.on_test_begin()
        merges = isinstance(data, ArrayBatches) and not hooks.wants_test_batches and self._means_only()
        for step, (x, y, sample_weight) in enumerate(data.merged() if merges else data.epoch()):
            if hooks.wants_test_batches:
                hooks.on_test_batch_begin(step)
            figures.update_state(y, self._test_step(x, y, sample_weight), sample_weight)
            if hooks.wants_test_batches:
                hooks.on_test_batch_end(step, _sorted(figures))
        results = _sorted(figures)
        hooks.on_test_end(results)
        return results

    def _means_only(self) -> bool:
        """Whether the loss and all metrics are means over samples, which do not depend on how these are batched."""
        means = (
            metrics_module.SparseCategoricalAccuracy,
            metrics_module.CategoricalAccuracy,
            metrics_module.BinaryAccuracy,
        )
        return self.loss.is_mean_over_samples and all(
            metric in ("accuracy", "acc") or type(metric) in means for metric in self._figures.given
        )

    @contextmanager
    def _alone(self, who: str) -> Iterator[None]:
        if not self._fitting.acquire(blocking=False):
            raise RuntimeError(
                f"{who}: expected a model that is not being trained, {self.name!r} is. Wait until its fit has "
                "returned, or train a copy: copy.deepcopy(model)."
            )
        try:
            yield
        finally:
            self._fitting.release()

    # Checks

    def _check_trainable(self, who: str) -> None:
        """The optimizer knows the parameters that it is to move; a warning where there are none."""
        self.optimizer.check_known(self.parameters)
        if self.built and not self.parameters:
            warnings.warn(
                f"{who}: {self.name!r} has no parameters to train: its layers are frozen, or have none. Its weights "
                "stay as they are.",
                stacklevel=3,
            )

    def _check_data(
        self, who: str, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None
    ) -> tuple[Array, Array, Array | None]:
        """Arrays that fit each other, the model and the loss; builds the model where that has not happened.

        Weights of classes become weights of samples.
        """
        check_class_weight(who, class_weight, sample_weight, len(self.output_names))
        several = len(self.output_names) > 1
        x, y = self._by_input(who, x), None if y is None else self._by_output(who, y)
        if several and sample_weight is not None:
            alike = not isinstance(sample_weight, (list, tuple, Mapping))
            sample_weight = self._by_output(who, [sample_weight] * len(y) if alike else sample_weight)
        images, labels, weights = check_arrays(who, x, y, sample_weight)
        if labels is None:
            raise ValueError(f"{who}: expected labels y with the images x, received none. Pass both.")
        with self._built_only_if_all_goes_well():
            if not self.built:
                self.build(images.shape)
            images = self._in_shape(images)
            self._check_shapes(images)
            self.loss.validate(labels, self.output_shape)
        if class_weight is not None:
            weights = weights_of_classes(labels, class_weight)
        if weights is not None:
            shapes = [(length(images), *shape[1:]) for shape in (self.output_shape if several else [self.output_shape])]
            self.loss.check_weights(who, weights, shapes if several else shapes[0])
        return images, labels, weights

    def _in_shape(self, images: Any) -> Any:
        """Images as the inputs take them: as in Keras a last axis of size 1 may be missing, or be one too many."""
        shapes = [layer.input_shape for layer in self._ends[0]]
        if isinstance(images, tuple):
            return tuple(with_last_axis(array, shape) for array, shape in zip(images, shapes, strict=True))
        return with_last_axis(images, shapes[0])

    def _check_shapes(self, images: Any) -> None:
        """Where an input has another shape than the layer takes, that layer's own error."""
        for layer, array in zip(self._ends[0], images if isinstance(images, tuple) else (images,), strict=True):
            if array.shape[1:] != layer.input_shape[1:]:
                layer.forward(array[:1])

    def _check_images(self, who: str, x: Any, *unused: None) -> tuple[Any, None, None]:
        """The same without labels: images as an array of numbers; a tuple of several inputs' arrays."""
        images, _, _ = check_arrays(who, self._by_input(who, x))
        if not self.built:
            self.build(images.shape)
        return self._in_shape(images), None, None

    def _by_input(self, who: str, x: Any, as_tuple: bool = False) -> Any:
        """What is given for the model's input; of several inputs, from a list or a dict, a tuple in their order."""
        return _in_order(who, "array", x, self.input_names, self._ends[0] if self.built else (), as_tuple)

    def _by_output(self, who: str, y: Any, as_tuple: bool = False) -> Any:
        """The same of the outputs."""
        return _in_order(who, "array", y, self.output_names, (), as_tuple)

    def _evaluation_data(
        self, who: str, data: Any, batch_size: int | None, steps: int | None, steps_name: str = "steps"
    ) -> Any:
        if is_source(data) and not isinstance(data, tuple):
            return SourceBatches(who, data, steps, self._check_data, steps_name=steps_name)
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise ValueError(
                f"{who}: expected (x, y) or (x, y, sample_weight), received {type(data).__name__}. "
                "Pass a tuple of two or three arrays."
            )
        x, y, sample_weight = (*data, None)[:3]
        arrays = self._check_data(who, x, y, sample_weight)
        return ArrayBatches(*arrays, batch_size, steps=steps, who=who, steps_name=steps_name)

    def _require_compiled(self, who: str) -> None:
        if not self.compiled or self.loss is None:
            raise RuntimeError(
                f"{who}: expected compile(...) with a loss before it. Call model.compile(optimizer='adam', "
                "loss='sparse_categorical_crossentropy', metrics=['accuracy'])."
            )


def _in_order(who: str, what: str, given: Any, names: Sequence[str], layers: Sequence[Layer], as_tuple: bool) -> Any:
    if len(names) > 1:
        return tuple(per_output(who, what, given, names))
    one = only_array(only_one(who, what, given, names), layers)
    if as_tuple:
        return (one,)
    return list(one) if isinstance(one, tuple) else one  # a tuple is what several inputs are in


def _sorted(figures: metrics_module.CompileMetrics) -> dict[str, float]:
    """Figures so far, by name in alphabetical order, as Keras logs them."""
    return dict(sorted(figures.results().items()))


def _returned(figures: metrics_module.CompileMetrics, as_dict: bool) -> Any:
    """What evaluations return: a dict, a list, or the loss alone where there is nothing else."""
    if as_dict:
        return _sorted(figures)
    results = list(figures.results().values())
    return results if len(results) > 1 else results[0]
