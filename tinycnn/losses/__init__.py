"""Losses: how wrong a prediction is, as one number a sample, and its derivative.

Each loss defines two functions of whole batches: ``per_sample`` and ``gradient``. The base class (`loss`) makes of
them the mean that training minimises. Start with `regression`, then `crossentropy`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tinycnn.losses.crossentropy import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from tinycnn.losses.functions import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    kld,
    log_cosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from tinycnn.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from tinycnn.losses.loss import Loss
from tinycnn.losses.probability import KLDivergence, Poisson
from tinycnn.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)
from tinycnn.serialization import deserialize
from tinycnn.utils import lookup

__all__ = [
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

#: Each function and the class whose values it has.
_FUNCTIONS: dict[Callable[..., Any], type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    cosine_similarity: CosineSimilarity,
    huber: Huber,
    log_cosh: LogCosh,
    kl_divergence: KLDivergence,
    poisson: Poisson,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    binary_crossentropy: BinaryCrossentropy,
}
_SHORT = {
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
    "kld": kl_divergence,
    "KLD": kl_divergence,
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
}
_TABLE: dict[str, type[Loss]] = {
    **{function.__name__: cls for function, cls in _FUNCTIONS.items()},
    **{cls.__name__: cls for cls in _FUNCTIONS.values()},
    **{name: _FUNCTIONS[function] for name, function in _SHORT.items()},
}


#: What `get` takes, and so every argument that names a loss.
Identifier = str | Loss | type[Loss] | Callable[..., Any] | Mapping[str, Any]


def get(identifier: Identifier) -> Loss:
    """A loss from a name ("sparse_categorical_crossentropy", "mse", …), one of the functions here, a class, an object
    or a dict of `serialize`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else; a function of one's own, for one, has no gradient.
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str):
        return lookup("loss", identifier, _TABLE)()  # type: ignore[call-arg]
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()  # type: ignore[call-arg]
    if isinstance(identifier, Mapping):
        return deserialize("loss", identifier, _TABLE)
    if callable(identifier):
        if identifier in _FUNCTIONS:
            return _FUNCTIONS[identifier]()  # type: ignore[call-arg]
        raise TypeError(
            f"loss: expected a loss with its gradient, received {identifier!r}. Write a subclass of losses.Loss with "
            "two methods: per_sample(y_true, y_pred), what the function computes, and gradient(y_true, y_pred), its "
            "derivative with respect to y_pred."
        )
    raise TypeError(
        f"loss: expected a name or a Loss, received {identifier!r}. "
        "Pass for example 'sparse_categorical_crossentropy', or a subclass of Loss with its gradient."
    )
