"""The kernels: pure functions on arrays. One frozen table says which of them have a fast twin.

Three rooms: the texts to read lie here, written in NumPy; their fast twins, in Numba, under the same names and with the
same signatures in ``fast/`` (``conv2d.py``, ``fast/conv2d.py``); and what the twins are made of in ``engine/``.

`REFERENCE` is the table of the texts. `FAST` is the same table with some entries exchanged for their twins. Without
Numba, as in a browser's Python, `FAST` is `REFERENCE`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tinycnn.kernels import (
    average_pooling2d,
    batch_normalization,
    conv2d,
    dense,
    depthwise_conv2d,
    dropout,
    max_pooling2d,
    optimizers,
    softmax_crossentropy,
)
from tinycnn.kernels.activations import ACTIVATIONS, Activation


@dataclass(frozen=True)
class Kernels:
    """One implementation of every operation that a layer or an optimizer needs."""

    name: str
    conv2d_forward: Callable[..., Any]
    conv2d_backward_parameters: Callable[..., Any]
    conv2d_backward_input: Callable[..., Any]
    depthwise_conv2d_forward: Callable[..., Any]
    depthwise_conv2d_backward_parameters: Callable[..., Any]
    depthwise_conv2d_backward_input: Callable[..., Any]
    max_pooling2d_forward: Callable[..., Any]
    max_pooling2d_backward: Callable[..., Any]
    average_pooling2d_forward: Callable[..., Any]
    average_pooling2d_backward: Callable[..., Any]
    dense_forward: Callable[..., Any]
    dense_backward_parameters: Callable[..., Any]
    dense_backward_input: Callable[..., Any]
    batch_normalization_forward: Callable[..., Any]
    batch_normalization_inference: Callable[..., Any]
    batch_normalization_backward: Callable[..., Any]
    dropout_mask: Callable[..., Any]
    dropout_apply: Callable[..., Any]
    softmax_crossentropy: Callable[..., Any]
    activations: Mapping[str, Activation]
    sgd_update: Callable[..., None]
    sgd_momentum_update: Callable[..., None]
    rmsprop_update: Callable[..., None]
    adam_update: Callable[..., None]
    amsgrad_update: Callable[..., None]
    weight_decay_update: Callable[..., None]
    fused: Mapping[str, Any] = field(default_factory=dict)  # modules, see tinycnn/trainers/fusion.py

    def __deepcopy__(self, memo: Any) -> Kernels:
        return self

    def __reduce__(self) -> Any:
        """Pickled by its name: functions and modules stay where they are."""
        if SETS.get(self.name) is not self:
            raise TypeError(
                f"pickle: expected one of tinycnn's own sets of kernels, {', '.join(SETS)}, received {self.name!r}. "
                "Compile the model with one of these before pickling it."
            )
        return _set_named, (self.name,)


REFERENCE = Kernels(
    name="reference",
    conv2d_forward=conv2d.conv2d_forward,
    conv2d_backward_parameters=conv2d.conv2d_backward_parameters,
    conv2d_backward_input=conv2d.conv2d_backward_input,
    depthwise_conv2d_forward=depthwise_conv2d.depthwise_conv2d_forward,
    depthwise_conv2d_backward_parameters=depthwise_conv2d.depthwise_conv2d_backward_parameters,
    depthwise_conv2d_backward_input=depthwise_conv2d.depthwise_conv2d_backward_input,
    max_pooling2d_forward=max_pooling2d.max_pooling2d_forward,
    max_pooling2d_backward=max_pooling2d.max_pooling2d_backward,
    average_pooling2d_forward=average_pooling2d.average_pooling2d_forward,
    average_pooling2d_backward=average_pooling2d.average_pooling2d_backward,
    dense_forward=dense.dense_forward,
    dense_backward_parameters=dense.dense_backward_parameters,
    dense_backward_input=dense.dense_backward_input,
    batch_normalization_forward=batch_normalization.batch_normalization_forward,
    batch_normalization_inference=batch_normalization.batch_normalization_inference,
    batch_normalization_backward=batch_normalization.batch_normalization_backward,
    dropout_mask=dropout.dropout_mask,
    dropout_apply=dropout.dropout_apply,
    softmax_crossentropy=softmax_crossentropy.softmax_crossentropy,
    activations=ACTIVATIONS,
    sgd_update=optimizers.sgd_update,
    sgd_momentum_update=optimizers.sgd_momentum_update,
    rmsprop_update=optimizers.rmsprop_update,
    adam_update=optimizers.adam_update,
    amsgrad_update=optimizers.amsgrad_update,
    weight_decay_update=optimizers.weight_decay_update,
)

try:
    from tinycnn.kernels import fast
    from tinycnn.kernels.engine import ahead, compiling, memory, threads
except ModuleNotFoundError as error:
    if error.name not in ("numba", "llvmlite"):
        raise
    FAST = REFERENCE
    warnings.warn(
        "tinycnn: Numba is not installed, so the reference kernels are used: the same results, many times slower. "
        "pip install numba",
        stacklevel=2,
    )
else:
    threads.load_openmp()
    memory.keep_freed_memory()
    FAST = replace(
        REFERENCE,
        name="fast",
        conv2d_forward=fast.conv2d.conv2d_forward,
        conv2d_backward_parameters=fast.conv2d.conv2d_backward_parameters,
        conv2d_backward_input=fast.conv2d.conv2d_backward_input,
        depthwise_conv2d_forward=fast.depthwise_conv2d.depthwise_conv2d_forward,
        depthwise_conv2d_backward_parameters=fast.depthwise_conv2d.depthwise_conv2d_backward_parameters,
        depthwise_conv2d_backward_input=fast.depthwise_conv2d.depthwise_conv2d_backward_input,
        max_pooling2d_forward=fast.max_pooling2d.max_pooling2d_forward,
        max_pooling2d_backward=fast.max_pooling2d.max_pooling2d_backward,
        dense_forward=fast.dense.dense_forward,
        dense_backward_parameters=fast.dense.dense_backward_parameters,
        dense_backward_input=fast.dense.dense_backward_input,
        batch_normalization_forward=fast.batch_normalization.batch_normalization_forward,
        batch_normalization_inference=fast.batch_normalization.batch_normalization_inference,
        batch_normalization_backward=fast.batch_normalization.batch_normalization_backward,
        dropout_mask=fast.dropout.dropout_mask,
        dropout_apply=fast.dropout.dropout_apply,
        softmax_crossentropy=fast.softmax_crossentropy.softmax_crossentropy,
        activations={**ACTIVATIONS, "relu": fast.activations.RELU},
        sgd_update=fast.optimizers.sgd_update,
        sgd_momentum_update=fast.optimizers.sgd_momentum_update,
        rmsprop_update=fast.optimizers.rmsprop_update,
        adam_update=fast.optimizers.adam_update,
        amsgrad_update=fast.optimizers.amsgrad_update,
        weight_decay_update=fast.optimizers.weight_decay_update,
        fused={
            "conv2d_relu_max_pooling2d": fast.conv2d_relu_max_pooling2d,
            "conv2d_relu_batch_normalization_max_pooling2d": fast.conv2d_relu_batch_normalization_max_pooling2d,
        },
    )

SETS = {"fast": FAST, "reference": REFERENCE}


def _set_named(name: str) -> Kernels:
    return SETS[name]


def compiled_ahead(rehearsal: Callable[[], object]) -> Any:
    """``with compiled_ahead(rehearsal):`` the first kernel that is missing has all compiled that ``rehearsal()`` calls.

    It runs on arrays that nobody has filled: so it must touch nothing that is still needed.
    """
    return nullcontext() if FAST is REFERENCE else compiling.planned_by(partial(ahead.compile_ahead, rehearsal))


def seconds_compiling() -> float:
    """How long this process has been compiling kernels, on whatever thread; while it does, the number grows."""
    return 0.0 if FAST is REFERENCE else compiling.compiling.seconds


def is_compiling() -> bool:
    """Whether this thread is."""
    return FAST is not REFERENCE and compiling.compiling.is_at_work
