"""A chain of layers that can be trained: Keras's Sequential."""

from __future__ import annotations

import copy
import math
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from tinycnn import kernels as kernel_sets
from tinycnn import losses, optimizers
from tinycnn import metrics as metrics_module
from tinycnn.batches import (
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
    split_off_validation,
    weights_of_classes,
)
from tinycnn.callbacks import Callback, CallbackList, History
from tinycnn.fusion import backward_through, forward_through, fused_steps
from tinycnn.interrupt import Interrupt
from tinycnn.layers import Input, Layer, Parameter, ParameterVector
from tinycnn.layers.base import check_dtype, check_weight
from tinycnn.output import show
from tinycnn.summary import print_summary
from tinycnn.utils import NoMisspelling, lookup, new_seed_sequence, snake_case, underflow_is_zero, unique_name

Array = np.ndarray

_LOCKS = ("_weights_in_use", "_figures_in_use", "_fitting")


class LossNotFiniteError(FloatingPointError):
    """A training step came to a loss that is NaN or infinite."""


class Sequential(NoMisspelling):
    """Layers in a row: each one's output is the next one's input; gradients run the same way back.

    Math:    y = f_k(... f_2(f_1(x)));   dx = f_1'(... f_k'(dy)), the chain rule from the last layer to the first

    Args:
        layers: layers, or an `Input` first; more can follow by `add`.
        name: the model's name in `summary`.
        dtype: "float32" or "float64" for all layers; by default each layer keeps its own.

    To train: `compile`, then `fit`. To step by hand::

        y = model.forward(x, training=True)
        dx = model.backward(loss.backward(labels, y))
        for parameter in model.parameters:
            parameter.value -= 0.01 * parameter.grad

    Threads: one trains the model at a time; others may predict and evaluate meanwhile, each batch with the weights
             between two steps
    Copies:  ``copy.deepcopy`` and ``pickle`` give a model that goes on like this one
    """

    def __init__(self, layers: Iterable[Layer | Input] | None = None, name: str | None = None, dtype: Any = None):
        self.name = unique_name(snake_case(type(self).__name__)) if name is None else name
        self.dtype = None if dtype is None else check_dtype(self.name, dtype)
        self.built = False
        self.compiled = False
        self.stop_training = False
        self.interrupted = False
        self.initial_epoch = 0
        self.history: History | None = None
        self.optimizer: Any = None
        self.loss: Any = None
        self._layers: list[Layer] = []
        self._added = 0  # layers, those that were taken off again included
        self._places: list[int] = []  # of the layers among all that were added
        self._trainable = True
        self._input_shape: tuple[int | None, ...] | None = None
        self._given_shape: tuple[int | None, ...] | None = None  # by an Input
        self._vector: ParameterVector | None = None
        self._fused: list[Any] | None = None
        self._figures = metrics_module.CompileMetrics((), ())
        self._make_locks()
        self._layer_seeds, shuffle_seed = new_seed_sequence().spawn(2)
        self._shuffle_rng = np.random.default_rng(shuffle_seed)
        for layer in layers or ():
            self.add(layer)

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

    # The chain

    @property
    def layers(self) -> list[Layer]:
        """The layers, first to last (a copy of the list)."""
        return list(self._layers)

    def add(self, layer: Layer | Input) -> None:
        """Append a layer; it is built at once where the input's shape is known.

        Raises:
            TypeError: not a layer.
            ValueError: the same object or name twice, a layer that cannot take the output of the one before it.
        """
        if isinstance(layer, Input):
            if self._layers or self._input_shape:
                raise ValueError(f"{self.name}: expected Input as the first entry, received it later. Put it first.")
            self._input_shape = self._given_shape = layer.shape
            return
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.name}: expected a layer, received {layer!r}. Add objects such as Dense(10).")
        if any(layer is other for other in self._layers):
            raise ValueError(
                f"{self.name}: expected each layer once, received {layer.name!r} a second time. "
                "Make a new layer: one object has one set of weights and keeps one batch for backward."
            )
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"{self.name}: expected layers of different names, received a second {layer.name!r}. Pass another name."
            )
        dtype = layer.dtype if self.dtype is None or layer.built else self.dtype
        if self._layers and dtype != self._layers[0].dtype:
            raise ValueError(
                f"{self.name}: expected layers of one dtype, received {layer.name!r} of {dtype} after "
                f"{self._layers[0].dtype}. Write Sequential(..., dtype='{dtype}')."
            )
        layer.dtype = dtype
        input_shape = self._input_shape
        if input_shape is None and not self._layers and layer.sample_shape is not None:
            input_shape = (None, *layer.sample_shape)
        if input_shape is not None:
            self._build_layer(self._added, layer, self.output_shape if self._layers else input_shape)
        self._input_shape = input_shape
        self._layers.append(layer)
        self._places.append(self._added)
        self._added += 1
        self._fused = None
        self.built = input_shape is not None
        if self.compiled:
            layer.kernels = self.optimizer.kernels

    def pop(self) -> Layer:
        """Take the last layer off and return it."""
        if not self._layers:
            raise ValueError(f"{self.name}: expected at least one layer to pop, found none. Add layers first.")
        layer = self._layers.pop()
        self._places.pop()
        self._fused = None
        if not self._layers:
            self.built = False
            self._input_shape = self._given_shape
        return layer

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Give every layer its parameters, for inputs of this shape, e.g. ``(None, 28, 28, 1)``.

        Raises:
            ValueError: no shape, another one than that of the model's Input, or one that a layer cannot take.
        """
        if not self._layers:
            raise ValueError(f"{self.name}: expected at least one layer before build, found none. Add layers first.")
        known = self._input_shape
        if input_shape is not None and known is not None and tuple(input_shape)[1:] != tuple(known)[1:]:
            raise ValueError(
                f"{self.name}: expected inputs of its shape {known}, received {tuple(input_shape)}. "
                "Make a new model for another shape."
            )
        if self.built:
            return
        shape = known if input_shape is None else tuple(input_shape)
        if shape is None:
            raise ValueError(
                f"{self.name}: expected an input shape, received none. Write build((None, 28, 28, 1)), or start the "
                "model with Input(shape=(28, 28, 1))."
            )
        with self._built_only_if_all_goes_well():
            for place, layer in zip(self._places, self._layers, strict=True):
                shape = self._build_layer(place, layer, shape)
        self._input_shape = self._layers[0].input_shape
        self.built = True

    def _build_layer(self, place: int, layer: Layer, input_shape: Any) -> Any:
        """Each layer that is added has a stream of its own: adding one leaves the others' numbers as they were."""
        key = (*self._layer_seeds.spawn_key, place)
        seed = np.random.SeedSequence(self._layer_seeds.entropy, spawn_key=key)
        return layer.build(input_shape, np.random.default_rng(seed))

    @contextmanager
    def _built_only_if_all_goes_well(self) -> Iterator[None]:
        """Where the work inside fails, layers that were not built before it are not built after it."""
        unbuilt = [layer for layer in self._layers if not layer.built]
        before = self.built, self._input_shape
        try:
            yield
        except Exception:
            for layer in unbuilt:
                layer.unbuild()
            self.built, self._input_shape = before
            raise

    @property
    def input_shape(self) -> Any:
        return self._input_shape

    @property
    def output_shape(self) -> Any:
        return self._layers[-1].output_shape if self._layers else self._input_shape

    @property
    def trainable(self) -> bool:
        """Whether the model may be trained; assigning it sets the same for each of its layers.

        From then on a frozen batch normalization uses its moving statistics in training too. A single layer may be
        set apart afterwards; in a frozen model none is trained.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = self._trainable

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters to be trained, layer by layer; none in a frozen model."""
        return tuple(p for layer in self._layers for p in layer.parameters) if self._trainable else ()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place; one of the two must be given."""
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: expected a name or an index, received {name!r} and {index!r}. Pass one.")
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(
                    f"get_layer: expected an index below {len(self._layers)}, received {index}. See model.summary()."
                )
            return self._layers[index]
        return lookup("get_layer", str(name), {layer.name: layer for layer in self._layers})

    def get_weights(self) -> list[Array]:
        """Copies of all weights, layer by layer, moving statistics included."""
        return [w for layer in self._layers for w in layer.get_weights()]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Write arrays as `get_weights` returns them; all of them, or, where one does not fit, none.

        Raises:
            ValueError: another number of arrays, or an array of another shape.
        """
        self._require_built("set_weights")
        own = [(layer.name, name, value) for layer in self._layers for name, value in layer.weights.items()]
        if len(weights) != len(own):
            raise ValueError(
                f"{self.name}: expected {len(own)} arrays, received {len(weights)}. "
                "Pass them in the order of get_weights(), from a model of the same layers."
            )
        checked = [check_weight(*place, new) for place, new in zip(own, weights, strict=True)]
        for (_, _, value), new in zip(own, checked, strict=True):
            value[...] = new

    def save(self, filepath: Any) -> None:
        """Write the model to a ``.keras`` or ``.h5`` file that Keras reads too; see `tinycnn.saving.save_model`."""
        from tinycnn import saving

        saving.save_model(self, filepath)

    def save_weights(self, filepath: Any) -> None:
        """Write all weights to a ``.weights.h5`` file that Keras reads too; see `tinycnn.saving.save_weights`."""
        from tinycnn import saving

        saving.save_weights(self, filepath)

    def load_weights(self, filepath: Any) -> None:
        """Read all weights from a ``.weights.h5`` or ``.h5`` file, of Keras too; see `tinycnn.saving.load_weights`."""
        from tinycnn import saving

        saving.load_weights(self, filepath)

    def get_config(self) -> dict[str, Any]:
        """Name and layers, without weights, as Keras writes them."""
        from tinycnn.saving import architecture

        return architecture.sequential_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequential:
        """A model with new weights from the dict of `get_config`, Keras's or ours.

        Raises:
            ValueError: a layer or an option that tinycnn does not have; names the layer.
        """
        from tinycnn.saving import architecture

        return architecture.sequential_from_config(config, cls=cls)

    def count_params(self) -> int:
        """The number of weights, trained and not."""
        self._require_built("count_params")
        return sum(layer.count_params() for layer in self._layers)

    def optimizer_weights(self) -> list[Array]:
        """The optimizer's arrays as Keras counts them: iteration, learning rate, and a slot or two per parameter."""
        if self.optimizer is None or not self.optimizer.slots:
            return []
        return [np.zeros((), "int64"), np.zeros((), "float32"), *self.optimizer.slots.values()]

    @property
    def random_streams(self) -> dict[str, np.random.Generator]:
        """The generators that training draws from: for shuffling, and by their number the layers that have one."""
        streams = {f"layer {i}": getattr(layer, "rng", None) for i, layer in enumerate(self._layers)}
        return {"shuffling": self._shuffle_rng} | {name: rng for name, rng in streams.items() if rng is not None}

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the layers, their output shapes and parameter counts; see `tinycnn.summary.print_summary`.

        ``expand_nested`` is accepted as in Keras; models here hold no other models.
        """
        print_summary(self, line_length, positions, print_fn, show_trainable)

    def __repr__(self) -> str:
        return f"<Sequential name={self.name}, built={self.built}>"

    # Forward and backward

    def __call__(self, x: Array, training: bool = False) -> Array:
        """``forward``, after ``build`` where that has not happened."""
        if not self.built:
            self.build(np.shape(x))
        return self.forward(x, training)

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The model's output for a batch; ``activate=False`` leaves out the last activation: the logits.

        Raises:
            RuntimeError: before `build`.
            ValueError: ``activate=False`` where the last layer has no activation.
        """
        self._require_built("forward")
        head = self._layers[-1]
        if not activate and not hasattr(head, "activation"):
            raise ValueError(
                f"{self.name}: expected a last layer with an activation to leave out, received {head.name!r}. "
                "Leave out activate=False."
            )
        with self._weights_in_use:
            return forward_through(self._layers, x, training, activate)

    def backward(self, dy: Array) -> Array:
        """The gradient of the loss with respect to the input; assigns the ``grad`` of every parameter.

        Raises:
            RuntimeError: without a ``forward(x, training=True)`` before it.
        """
        for layer in reversed(self._layers):
            dy = layer.backward(dy)
        return dy

    # The same for training, evaluation and prediction: layers that follow each other may be one fused step

    @property
    def _steps(self) -> list[Any]:
        if self._fused is None:
            self._fused = fused_steps(self._layers)
        return self._fused

    @underflow_is_zero  # fused steps, and all that stands between the layers
    def _forward(self, x: Array, training: bool, activate: bool = True) -> Array:
        with self._weights_in_use:
            return forward_through(self._steps, x, training, activate)

    def _backward(self, dy: Array, input_gradient: bool = False) -> Any:
        """By default without the gradient of the input, which training has no use for."""
        return backward_through(self._steps, dy, input_gradient)

    # Training

    def compile(
        self,
        optimizer: optimizers.Identifier = "rmsprop",
        loss: losses.Identifier | None = None,
        *,
        metrics: Sequence[metrics_module.Identifier] | None = None,
        weighted_metrics: Sequence[metrics_module.Identifier] | None = None,
        run_eagerly: bool = False,
        jit_compile: Any = "auto",
        steps_per_execution: int = 1,
        kernels: str | kernel_sets.Kernels = "fast",
    ) -> None:
        """Say how the model is to be trained.

        Args:
            optimizer: a name such as "adam", or an optimizer.
            loss: a name such as "sparse_categorical_crossentropy", or a loss.
            metrics: names such as "accuracy", or metrics; they ignore sample weights.
            weighted_metrics: the same, with sample weights.
            run_eagerly, jit_compile, steps_per_execution: accepted as in Keras, without effect here.
            kernels: "fast" (Numba), "reference" (NumPy), or a `tinycnn.kernels.Kernels`.

        Raises:
            ValueError: an unknown name; the message holds the closest known one.
        """
        given = isinstance(kernels, kernel_sets.Kernels)
        chosen: Any = kernels if given else lookup("kernels", kernels, kernel_sets.SETS)
        checked_loss = None if loss is None else losses.get(loss)
        checked_optimizer = optimizers.get(optimizer)
        for name, several in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if isinstance(several, str):
                raise TypeError(f"compile: expected {name} to be a list, received {several!r}. Write [{several!r}].")
        for metric in (*(metrics or ()), *(weighted_metrics or ())):
            metrics_module.get(metric, (None,), (None, 2))  # unknown names are found now, not in the first step
        self.loss, self.optimizer = checked_loss, checked_optimizer
        self._figures = metrics_module.CompileMetrics(metrics or (), weighted_metrics or ())
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
        epochs = check_count("fit", "epochs", epochs, "Try 10.")
        validation_freq = check_count("fit", "validation_freq", validation_freq, "Use 1 to validate every epoch.")
        check_steps("fit", "steps_per_epoch", steps_per_epoch)
        check_steps("fit", "validation_steps", validation_steps)
        if validation_batch_size is not None:
            check_count("fit", "validation_batch_size", validation_batch_size, "Leave it out to take batch_size.")
        check_class_weight("fit", class_weight, sample_weight)
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
        with hooks, Interrupt() as interrupt:
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
    ) -> Array:
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
            outputs.append(self._forward(x_batch, training=False))
            hooks.on_predict_batch_end(step, {"outputs": outputs[-1]})  # type: ignore[dict-item]
        hooks.on_predict_end()
        return np.concatenate(outputs)

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

    def predict_on_batch(self, x: Any) -> Array:
        """The model's outputs for one batch, in inference mode."""
        return self(check_arrays("predict_on_batch", x)[0])

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
        """Forward, loss, backward, update: the whole of training."""
        vector = self._parameter_vector()
        self.optimizer.build(vector)
        with self._undone_on_error():
            y_pred, loss, dy, logits = self._forward_and_loss(x, y, sample_weight, training=True)
            loss += self._penalty()
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
        return metrics_module.Outcome(y_pred, loss, logits, self._last_activation)

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """Where a step breaks off before the weights move, as by Ctrl-C, moving statistics have not moved either."""
        state = [(array, array.copy()) for layer in self._layers for array in layer.state.values()]
        try:
            yield
        except BaseException:
            for array, before in state:
                array[...] = before
            for step in self._steps:
                step.forget()
            raise

    @underflow_is_zero
    def _test_step(self, x: Array, y: Array, sample_weight: Array | None) -> metrics_module.Outcome:
        with self._weights_in_use:
            y_pred, loss, _, logits = self._forward_and_loss(x, y, sample_weight, training=False)
            return metrics_module.Outcome(y_pred, loss + self._penalty(), logits, self._last_activation)

    def _forward_and_loss(
        self, x: Array, y: Array, sample_weight: Array | None, training: bool
    ) -> tuple[Array, float, Array, Array | None]:
        """Prediction, loss, the gradient to start backward with, and the logits where the loss is computed from them.

        A softmax followed by a cross-entropy is computed in one go from the logits z: the gradient is (p − y)/n,
        and nothing has to be clipped.
        """
        if self._takes_logits():
            z = self._forward(x, training, activate=False)
            return *self.loss.with_activation(y, z, sample_weight, self._layers[-1].kernels), z
        y_pred = self._forward(x, training)
        dy = self.loss.backward(y, y_pred, sample_weight) if training else y_pred
        return y_pred, self.loss.forward(y, y_pred, sample_weight), dy, None

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

    def _first_not_finite(self, x: Array) -> str:
        x = np.asarray(x, self._layers[0].dtype)
        if not np.isfinite(x).all():
            return f"The images are too large for {x.dtype}: scale them, for instance to 0 … 1."
        for layer in self._layers:
            if layer is self._layers[-1] and self._takes_logits():
                x = layer.forward(x, training=True, activate=False)  # type: ignore[call-arg]
            else:
                x = layer.forward(x, training=True)
            if not np.isfinite(x).all():
                return f"The first layer whose output is not finite is {layer.name!r}."
        return "All layers' outputs are finite: the loss itself, or a regularizer, is not."

    def _takes_logits(self) -> bool:
        """Whether the last activation and the loss are computed in one go, from the logits."""
        return self._last_activation is not None and self._last_activation == self.loss.logits_activation

    @property
    def _last_activation(self) -> str | None:
        return getattr(self._layers[-1], "activation", None) if self._layers else None

    def _warn_of_logits(self, who: str) -> None:
        """Where a cross-entropy expects logits, and the model's last layer makes probabilities of them."""
        given = [self.loss, *(metric for metrics in self._figures.identifiers for metric in metrics)]
        for loss in given:
            if isinstance(loss, losses.Loss) and loss.from_logits and loss.logits_activation == self._last_activation:
                warnings.warn(
                    f"{who}: expected logits for {loss.name}, which has from_logits=True, received the outputs of a "
                    f"{self._last_activation}. It is computed from what the {self._last_activation} takes in, as in "
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
        """Whether all metrics are means over samples, which do not depend on how the samples are batched."""
        means = (
            metrics_module.SparseCategoricalAccuracy,
            metrics_module.CategoricalAccuracy,
            metrics_module.BinaryAccuracy,
        )
        given = [metric for several in self._figures.identifiers for metric in several]
        return all(metric in ("accuracy", "acc") or type(metric) in means for metric in given)

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
        check_class_weight(who, class_weight, sample_weight)
        images, labels, weights = check_arrays(who, x, y, sample_weight)
        if labels is None:
            raise ValueError(f"{who}: expected labels y with the images x, received none. Pass both.")
        with self._built_only_if_all_goes_well():
            if not self.built:
                self.build(images.shape)
            first = self._layers[0]
            if images.shape[1:] != first.input_shape[1:]:
                first.forward(images[:1])  # raises the layer's own error
            self.loss.validate(labels, self.output_shape)
        if class_weight is not None:
            weights = weights_of_classes(labels, class_weight)
        return images, labels, weights

    def _check_images(self, who: str, x: Any, *unused: None) -> tuple[Array, None, None]:
        """The same without labels: images as an array of numbers."""
        images, _, _ = check_arrays(who, x)
        if not self.built:
            self.build(images.shape)
        return images, None, None

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

    def _require_built(self, who: str) -> None:
        if not self.built:
            raise RuntimeError(
                f"{who}: expected a model that is built, {self.name!r} is not. Start it with Input(shape=...), or "
                "call model.build((None, 28, 28, 1))."
            )

    def _require_compiled(self, who: str) -> None:
        if not self.compiled or self.loss is None:
            raise RuntimeError(
                f"{who}: expected compile(...) with a loss before it. Call model.compile(optimizer='adam', "
                "loss='sparse_categorical_crossentropy', metrics=['accuracy'])."
            )


def _sorted(figures: metrics_module.CompileMetrics) -> dict[str, float]:
    """Figures so far, by name in alphabetical order, as Keras logs them."""
    return dict(sorted(figures.results().items()))


def _returned(figures: metrics_module.CompileMetrics, as_dict: bool) -> Any:
    """What evaluations return: a dict, a list, or the loss alone where there is nothing else."""
    if as_dict:
        return _sorted(figures)
    results = list(figures.results().values())
    return results if len(results) > 1 else results[0]
