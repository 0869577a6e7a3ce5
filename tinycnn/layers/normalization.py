"""Normalization by statistics of a whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn import initializers
from tinycnn.layers.axes import sample_axes
from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack

EPSILON = 1e-7  # the smallest deviation that is divided by


class Normalization(Layer):
    """Shift and scale each feature to mean 0 and variance 1, by statistics measured once, before training: `adapt`.

    Unlike `BatchNormalization` it learns nothing, and does in training what it does in inference.

    Math:    y = (x − mean)/max(√variance, 1e-7);   dx = dy/max(√variance, 1e-7)
             invert: y = x·max(√variance, 1e-7) + mean;     dx = dy·max(√variance, 1e-7)
    Shapes:  x, y (n, ...);  mean, variance: the sizes of ``axis``
    Keeps:   nothing
    Keras:   same arguments, and the same arrays in files (the third, count, is always 0, as there)

    Args:
        axis: the axes that have statistics of their own, by default the last one, the channels; None for one of all.
        mean, variance: the statistics where they are known, one number or one for each place of ``axis``.
        invert: turn normalized inputs back.
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.axis = () if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
        if (mean is None) != (variance is None) or np.shape(mean) != np.shape(variance):
            raise ValueError(
                f"Normalization: expected mean and variance of one shape, or neither, received mean={mean!r}, "
                f"variance={variance!r}. Pass both, or call adapt(data)."
            )
        if mean is not None and np.min(variance) < 0:
            raise ValueError(
                f"Normalization: expected a variance >= 0, received {variance!r}. Pass squares of deviations."
            )
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert
        self._first_mean, self._first_variance = initializers.get("zeros"), initializers.get("ones")

    def get_config(self) -> dict[str, Any]:
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return super().get_config() | {name: np.asarray(value).tolist() for name, value in given.items()}

    # What the constructor's arguments of these names have become, for `get_config` and for readers
    @property
    def mean(self) -> Array | None:
        return self._mean if self.built else None

    @property
    def variance(self) -> Array | None:
        return self._variance if self.built else None

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self._kept = sample_axes(self.name, self.axis, input_shape) if self.axis else ()
        sizes = tuple(input_shape[a] for a in self._kept)
        self._mean = self._first_mean(sizes, rng, self.dtype)
        self._variance = self._first_variance(sizes, rng, self.dtype)
        self._count = np.zeros((), self.dtype)
        if self.input_mean is not None:
            for name, own, given in (
                ("mean", self._mean, self.input_mean),
                ("variance", self._variance, self.input_variance),
            ):
                try:
                    own[...] = given
                except ValueError:
                    raise ValueError(
                        f"{self.name}: expected {name} as one number or of shape {sizes}, received shape "
                        f"{np.shape(given)}. Give one for each place of axis {self.axis}."
                    ) from None
        return input_shape

    def adapt(self, data: Any) -> None:
        """Measure mean and variance of ``data``: an array, or batches of it (a list, a generator, a `PyDataset`).

        Of batches that are tuples, (x, y), x counts. The layer is built where it is not.

        Raises:
            RuntimeError: mean and variance were given.
            ValueError: there are no data, or not such as the layer was built for.
        """
        if self.input_mean is not None:
            raise RuntimeError(
                f"{self.name}: expected adapt for a layer without statistics, received mean and variance when it was "
                "made. Leave them out, or do not call adapt."
            )
        count, mean, square = 0, np.zeros(()), np.zeros(())  # square: the sum of squared distances from the mean
        batches = [data] if hasattr(data, "shape") or hasattr(data, "__array__") else data
        for batch in _finite(batches):
            x = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)
            if not self.built:
                self.build((None, *x.shape[1:]))
            own_axes = enumerate(self.input_shape)  # the sizes of the others do not count: images of any size will do
            sizes = [s if a in self._kept or x.ndim != len(self.input_shape) else x.shape[a] for a, s in own_axes]
            x = self._as_batch(x, tuple(sizes[1:]), "data").astype("float64")
            others = tuple(a for a in range(x.ndim) if a not in self._kept)
            m = int(np.prod([x.shape[a] for a in others]))
            if not m:
                continue
            own = x.mean(others)
            distance = own - mean
            square = square + x.var(others) * m + distance**2 * (count * m / (count + m))
            mean = mean + distance * (m / (count + m))
            count += m
        if not count:
            raise ValueError(
                f"{self.name}: expected data to adapt to, received none. Pass an array or batches of arrays."
            )
        self._mean[...], self._variance[...] = mean, square / count

    @property
    def state(self) -> dict[str, Array]:
        if not self.built or self.input_mean is not None:
            return {}
        return {"mean": self._mean, "variance": self._variance, "count": self._count}

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if training:
            self._save(x.shape)
        mean, deviation = self.statistics()
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        _, deviation = self.statistics()
        return dy * deviation if self.invert else dy / deviation

    def statistics(self) -> tuple[Array, Array]:
        """Mean and deviation, with an axis of size 1 for each that they lack."""
        shape = [size if a in self._kept else 1 for a, size in enumerate(self.input_shape)]
        deviation = np.maximum(np.sqrt(self._variance), self.dtype.type(EPSILON))
        return self._mean.reshape(shape), deviation.reshape(shape)


def _finite(batches: Any) -> Any:
    """All batches, of a source that is read by number too."""
    if hasattr(batches, "__getitem__") and hasattr(batches, "__len__"):
        return (batches[number] for number in range(len(batches)))
    return batches
