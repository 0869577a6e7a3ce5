"""What every layer promises: eight points, for every class, both sets of kernels and both dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from parity_cases import OF_GRAPHS
from tolerances import PARITY, assert_close

import tinycnn.layers
from tinycnn import kernels
from tinycnn.layers import (
    ELU,
    Activation,
    AlphaDropout,
    AveragePooling2D,
    BatchNormalization,
    CenterCrop,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    Normalization,
    PReLU,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Reshape,
    Resizing,
    SeparableConv2D,
    Softmax,
    SpatialDropout2D,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.utils import set_random_seed

Shape = tuple[int, ...]


class Case(NamedTuple):
    make: Callable[..., Layer]
    sample: Shape
    output: Shape


IMAGE = (7, 9, 4)
CASES = {
    "Conv2D": Case(lambda **o: Conv2D(6, 3, activation="relu", **o), IMAGE, (5, 7, 6)),
    "Conv2D same, strides": Case(
        lambda **o: Conv2D(5, (2, 3), strides=2, padding="same", use_bias=False, **o), IMAGE, (4, 5, 5)
    ),
    "Conv2D groups, dilation": Case(
        lambda **o: Conv2D(6, 3, groups=2, dilation_rate=2, padding="same", activation="tanh", **o), IMAGE, (7, 9, 6)
    ),
    "Conv2DTranspose": Case(lambda **o: Conv2DTranspose(6, 3, activation="relu", **o), IMAGE, (9, 11, 6)),
    "Conv2DTranspose same, strides": Case(
        lambda **o: Conv2DTranspose(5, (2, 3), (2, 3), "same", use_bias=False, **o), IMAGE, (14, 27, 5)
    ),
    "DepthwiseConv2D": Case(lambda **o: DepthwiseConv2D(3, activation="relu", **o), IMAGE, (5, 7, 4)),
    "DepthwiseConv2D same, strides": Case(
        lambda **o: DepthwiseConv2D((2, 3), 2, "same", 3, use_bias=False, **o), IMAGE, (4, 5, 12)
    ),
    "SeparableConv2D": Case(lambda **o: SeparableConv2D(5, 3, activation="relu", **o), IMAGE, (5, 7, 5)),
    "SeparableConv2D same, strides": Case(
        lambda **o: SeparableConv2D(5, (2, 3), 2, "same", depth_multiplier=2, use_bias=False, **o), IMAGE, (4, 5, 5)
    ),
    "MaxPooling2D": Case(lambda **o: MaxPooling2D(**o), IMAGE, (3, 4, 4)),
    "MaxPooling2D same, overlap": Case(lambda **o: MaxPooling2D(3, 2, padding="same", **o), IMAGE, (4, 5, 4)),
    "AveragePooling2D": Case(lambda **o: AveragePooling2D(**o), IMAGE, (3, 4, 4)),
    "AveragePooling2D same": Case(lambda **o: AveragePooling2D(3, 2, padding="same", **o), IMAGE, (4, 5, 4)),
    "GlobalAveragePooling2D": Case(lambda **o: GlobalAveragePooling2D(**o), IMAGE, (4,)),
    "GlobalMaxPooling2D": Case(lambda **o: GlobalMaxPooling2D(keepdims=True, **o), IMAGE, (1, 1, 4)),
    "Flatten": Case(lambda **o: Flatten(**o), IMAGE, (252,)),
    "Dense": Case(lambda **o: Dense(5, activation="softmax", **o), (6,), (5,)),
    "Dense without bias": Case(lambda **o: Dense(5, use_bias=False, **o), (6,), (5,)),
    "Dense of images": Case(lambda **o: Dense(5, activation="softmax", **o), IMAGE, (7, 9, 5)),
    "Dropout": Case(lambda **o: Dropout(0.4, **o), IMAGE, IMAGE),
    "Dropout, whole maps": Case(lambda **o: Dropout(0.4, noise_shape=(None, 1, 1, 4), **o), IMAGE, IMAGE),
    "SpatialDropout2D": Case(lambda **o: SpatialDropout2D(0.4, **o), IMAGE, IMAGE),
    "GaussianNoise": Case(lambda **o: GaussianNoise(0.4, **o), IMAGE, IMAGE),
    "GaussianDropout": Case(lambda **o: GaussianDropout(0.4, **o), IMAGE, IMAGE),
    "AlphaDropout": Case(lambda **o: AlphaDropout(0.4, **o), IMAGE, IMAGE),
    "LayerNormalization": Case(lambda **o: LayerNormalization(**o), IMAGE, IMAGE),
    "LayerNormalization, two axes": Case(lambda **o: LayerNormalization((1, -1), center=False, **o), IMAGE, IMAGE),
    "GroupNormalization": Case(lambda **o: GroupNormalization(2, **o), IMAGE, IMAGE),
    "BatchNormalization": Case(lambda **o: BatchNormalization(**o), IMAGE, IMAGE),
    "BatchNormalization 2-D": Case(lambda **o: BatchNormalization(momentum=0.5, **o), (6,), (6,)),
    "BatchNormalization frozen": Case(lambda **o: BatchNormalization(trainable=False, **o), IMAGE, IMAGE),
    "BatchNormalization bare": Case(lambda **o: BatchNormalization(center=False, scale=False, **o), IMAGE, IMAGE),
    "Activation": Case(lambda **o: Activation("elu", **o), IMAGE, IMAGE),
    "Activation linear": Case(lambda **o: Activation("linear", **o), IMAGE, IMAGE),
    "ReLU": Case(lambda **o: ReLU(**o), IMAGE, IMAGE),
    "ReLU, arguments": Case(lambda **o: ReLU(1.5, 0.25, 0.5, **o), IMAGE, IMAGE),
    "ELU": Case(lambda **o: ELU(0.5, **o), IMAGE, IMAGE),
    "PReLU": Case(lambda **o: PReLU("ones", shared_axes=[1, 2], **o), IMAGE, IMAGE),
    "LeakyReLU": Case(lambda **o: LeakyReLU(**o), IMAGE, IMAGE),
    "Softmax": Case(lambda **o: Softmax(**o), (6,), (6,)),
    "Softmax, axis": Case(lambda **o: Softmax(1, **o), IMAGE, IMAGE),
    "UnitNormalization": Case(lambda **o: UnitNormalization((1, -1), **o), IMAGE, IMAGE),
    "Reshape": Case(lambda **o: Reshape((4, -1, 7), **o), IMAGE, (4, 9, 7)),
    "Rescaling": Case(lambda **o: Rescaling([2, -1, 0.5, 3], 0.7, **o), IMAGE, IMAGE),
    "Normalization": Case(lambda **o: Normalization(**o), IMAGE, IMAGE),
    "Normalization, given": Case(lambda **o: Normalization(-1, [1, 2, 3, 4], [4, 3, 2, 1], **o), IMAGE, IMAGE),
    "Normalization, inverted": Case(lambda **o: Normalization((1, 3), invert=True, **o), IMAGE, IMAGE),
    "Resizing": Case(lambda **o: Resizing(5, 12, **o), IMAGE, (5, 12, 4)),
    "Resizing, nearest, cropped": Case(
        lambda **o: Resizing(10, 5, "nearest", crop_to_aspect_ratio=True, **o), IMAGE, (10, 5, 4)
    ),
    "CenterCrop": Case(lambda **o: CenterCrop(4, 6, **o), IMAGE, (4, 6, 4)),
    "CenterCrop, larger": Case(lambda **o: CenterCrop(4, 12, **o), IMAGE, (4, 12, 4)),
    "Cropping2D": Case(lambda **o: Cropping2D(((1, 0), (2, 3)), **o), IMAGE, (6, 4, 4)),
    "RandomFlip": Case(lambda **o: RandomFlip("horizontal", **o), IMAGE, IMAGE),
    "RandomRotation": Case(lambda **o: RandomRotation(0.3, **o), IMAGE, IMAGE),
    "RandomTranslation": Case(
        lambda **o: RandomTranslation(0.3, (-0.2, 0.6), fill_mode="constant", fill_value=0.5, **o), IMAGE, IMAGE
    ),
    "RandomZoom": Case(lambda **o: RandomZoom((-0.5, 0.8), 0.4, fill_mode="wrap", **o), IMAGE, IMAGE),
    "RandomZoom, nearest": Case(
        lambda **o: RandomZoom(0.4, fill_mode="nearest", interpolation="nearest", **o), IMAGE, IMAGE
    ),
    "RandomContrast": Case(lambda **o: RandomContrast((0.5, 0.9), value_range=(-2, 2), **o), IMAGE, IMAGE),
    "RandomBrightness": Case(lambda **o: RandomBrightness(0.4, value_range=(-2, 2), **o), IMAGE, IMAGE),
    "RandomCrop": Case(lambda **o: RandomCrop(4, 5, **o), IMAGE, (4, 5, 4)),
    "UpSampling2D": Case(lambda **o: UpSampling2D((2, 3), **o), IMAGE, (14, 27, 4)),
    "UpSampling2D, bilinear": Case(lambda **o: UpSampling2D(2, interpolation="bilinear", **o), IMAGE, (14, 18, 4)),
    "ZeroPadding2D": Case(lambda **o: ZeroPadding2D(**o), IMAGE, (9, 11, 4)),
    "ZeroPadding2D, four sides": Case(lambda **o: ZeroPadding2D(((1, 0), (2, 3)), **o), IMAGE, (8, 14, 4)),
}


def test_every_layer_has_a_case():
    exported = {
        value
        for value in vars(tinycnn.layers).values()
        if isinstance(value, type) and issubclass(value, Layer) and value is not Layer
    }
    assert {type(case.make()) for case in CASES.values()} == {
        value for value in exported if value.__name__ not in OF_GRAPHS
    }


class Subject:
    """A case with one set of kernels and one dtype: built layers that are all equal, and data for them."""

    def __init__(self, case: Case, table: kernels.Kernels, dtype: str):
        self.case, self.table, self.dtype = case, table, dtype
        self.rng = np.random.default_rng(99)

    def layer(self, seed: int = 5) -> Layer:
        set_random_seed(seed)
        layer = self.case.make(dtype=self.dtype)
        layer.kernels = self.table
        layer.build((None, *self.case.sample))
        return layer

    def numbers(self, shape: Shape) -> np.ndarray:
        return self.rng.normal(size=shape).astype(self.dtype)

    def x(self, batch: int = 3) -> np.ndarray:
        return self.numbers((batch, *self.case.sample))

    def dy(self, batch: int = 3) -> np.ndarray:
        return self.numbers((batch, *self.case.output))


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=list(kernels.SETS))
def table(request: pytest.FixtureRequest) -> kernels.Kernels:
    return kernels.SETS[request.param]


@pytest.fixture(params=list(CASES))
def subject(request: pytest.FixtureRequest, table: kernels.Kernels, dtype: str) -> Subject:
    return Subject(CASES[request.param], table, dtype)


def awkward(array: np.ndarray) -> np.ndarray:
    """The same numbers, read-only and every other one of a larger array."""
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    view = wide[..., ::2]
    view.flags.writeable = False
    return view


def grads(layer: Layer) -> list[np.ndarray]:
    return [grad.copy() for grad in layer.grads.values()]


def assert_same(first: Any, second: Any) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def step(layer: Layer, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    y = layer.forward(x, training=True)
    dx = layer.backward(dy)
    return [y, dx, *grads(layer), *(array.copy() for array in layer.state.values())]


def test_1_inputs_are_never_written_to(subject):
    x, dy = subject.x(), subject.dy()
    x_before, dy_before = x.copy(), dy.copy()
    step(subject.layer(), x, dy)
    subject.layer().forward(x)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dy, dy_before)


def test_1_read_only_and_strided_inputs_work(subject):
    x, dy = subject.x(), subject.dy()
    assert_same(step(subject.layer(), awkward(x), awkward(dy)), step(subject.layer(), x, dy))
    fortran = [np.asfortranarray(a) for a in (x, dy)]
    assert_same(step(subject.layer(), *fortran), step(subject.layer(), x, dy))


def test_2_output_and_gradients_have_the_layers_dtype(subject):
    layer = subject.layer()
    for array in (*step(layer, subject.x(), subject.dy()), layer.forward(subject.x()), *layer.get_weights()):
        assert array.dtype == subject.dtype


@pytest.mark.parametrize("given", ["float64", "float32", "uint8", "bool"])
def test_2_inputs_of_other_types_are_converted(subject, given):
    x = (10 * np.abs(subject.x())).astype(given)
    converted = x.astype(subject.dtype)
    found = step(subject.layer(), x, subject.dy().astype("float64"))
    assert all(array.dtype == subject.dtype for array in found)
    subject.rng = np.random.default_rng(99)
    subject.x()
    assert_same(found, step(subject.layer(), converted, subject.dy()))


def test_2_default_dtype_is_float32():
    for case in CASES.values():
        layer = case.make()
        assert layer.dtype == np.float32
        assert layer(np.ones((1, *case.sample))).dtype == np.float32


def test_3_backward_uses_up_what_forward_kept(subject):
    layer = subject.layer()
    step(layer, subject.x(), subject.dy())
    before = grads(layer)
    with pytest.raises(RuntimeError, match=rf"^{layer.name}: expected forward\(x, training=True\) before backward"):
        layer.backward(subject.dy())
    assert_same(grads(layer), before)


def test_3_backward_needs_a_forward(subject):
    layer = subject.layer()
    with pytest.raises(RuntimeError, match=r"expected forward\(x, training=True\) before backward, found nothing kept"):
        layer.backward(subject.dy())


def test_4_inference_keeps_nothing(subject):
    layer = subject.layer()
    layer.forward(subject.x(), training=False)
    with pytest.raises(RuntimeError, match="found nothing kept"):
        layer.backward(subject.dy())


def test_4_inference_changes_nothing(subject):
    """Neither weights nor moving statistics nor the random stream nor what a forward before it kept for backward."""
    x, dy, other = subject.x(), subject.dy(), subject.x(batch=5)
    layer, plain = subject.layer(), subject.layer()
    before = layer.get_weights()
    first = layer.forward(other)
    assert_same(layer.get_weights(), before)
    np.testing.assert_array_equal(layer.forward(other), first)
    layer.forward(x, training=True)
    layer.forward(other)
    dx = layer.backward(dy)
    assert_same([dx, *grads(layer), *layer.state.values()], step(plain, x, dy)[1:])


def test_5_backward_assigns_gradients(subject):
    """The second backward's gradients are its own, not a sum with the first's; the arrays stay the same objects."""
    layer, fresh = subject.layer(), subject.layer()
    arrays = [(p.value, p.grad) for p in layer.parameters]
    step(layer, subject.x(), subject.dy())
    x, dy = subject.x(), subject.dy()
    step(layer, x, dy)
    fresh.forward(x, training=True)
    fresh.backward(dy)
    assert_same(grads(layer), grads(fresh))
    for p, (value, grad) in zip(layer.parameters, arrays, strict=True):
        assert p.value is value
        assert p.grad is grad
        assert p.grad.shape == p.value.shape
        assert np.any(p.grad != 0)


def test_5_backward_parameters_gives_the_same_gradients(subject):
    layer, other = subject.layer(), subject.layer()
    x, dy = subject.x(), subject.dy()
    step(layer, x, dy)
    other.forward(x, training=True)
    other.backward_parameters(dy)
    assert_same(grads(other), grads(layer))
    with pytest.raises(RuntimeError, match="found nothing kept"):
        other.backward(dy)


def test_5_backward_is_linear_in_dy(subject):
    """backward(2·dy₁ − 3·dy₂) = 2·backward(dy₁) − 3·backward(dy₂), for the input and every parameter."""
    x, dy_1, dy_2 = subject.x(), subject.dy(), subject.dy()

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        layer = subject.layer()  # with the same seed, hence the same mask of a dropout
        layer.forward(x, training=True)
        return [layer.backward(dy), *grads(layer)]

    combined = gradients(2 * dy_1 - 3 * dy_2)
    for whole, a, b in zip(combined, gradients(dy_1), gradients(dy_2), strict=True):
        assert_close(whole, 2 * a - 3 * b, PARITY[subject.dtype])


def test_6_shapes(subject):
    layer = subject.layer()
    assert layer.output_shape == (None, *subject.case.output)
    assert layer.build((None, *subject.case.sample)) == (None, *subject.case.output)
    assert layer.input_shape == (None, *subject.case.sample)
    for batch in (1, 4):
        for training in (False, True):
            assert layer.forward(subject.x(batch), training).shape == (batch, *subject.case.output)
        assert layer.backward(subject.dy(batch)).shape == (batch, *subject.case.sample)


def test_7_weights_round_trip(subject):
    layer, other = subject.layer(), subject.layer(seed=6)
    step(layer, subject.x(), subject.dy())
    weights = [w + subject.numbers(w.shape) ** 2 for w in layer.get_weights()]
    copies = [w.copy() for w in weights]
    other.set_weights(weights)
    assert_same(other.get_weights(), weights)
    for w in other.get_weights():
        w += 1  # the caller's copies, not the layer's arrays
    assert_same(other.get_weights(), copies)
    assert_same(weights, copies)
    layer.set_weights(other.get_weights())
    x = subject.x()
    np.testing.assert_array_equal(layer.forward(x), other.forward(x))
    assert layer.count_params() == sum(w.size for w in weights)


def test_8_same_seed_same_bits(subject):
    x, dy = subject.x(), subject.dy()
    first, second = subject.layer(), subject.layer()
    assert_same(first.get_weights(), second.get_weights())
    for _ in range(2):
        assert_same(step(first, x, dy), step(second, x, dy))


def test_8_another_seed_gives_other_numbers_where_there_is_chance(subject):
    layer, other = subject.layer(), subject.layer(seed=6)
    x, dy = subject.x(), subject.dy()
    random = hasattr(layer, "rng") or any("kernel" in name for name in layer.params)
    assert random != np.array_equal(step(layer, x, dy)[0], step(other, x, dy)[0])


def test_both_sets_and_dtypes_agree(subject):
    """The layer around the kernels too: against the reference set in float64, with the same weights and masks."""
    exact = Subject(subject.case, kernels.REFERENCE, "float64")
    x, dy = subject.x(), subject.dy()
    weights = [w.astype("float64") for w in subject.layer().get_weights()]
    layer = exact.layer()
    layer.set_weights(weights)
    for found, expected in zip(step(subject.layer(), x, dy), step(layer, x, dy), strict=True):
        assert_close(found, expected, PARITY[subject.dtype])


def test_a_gradient_of_another_shape_is_refused(subject):
    layer = subject.layer()
    layer.forward(subject.x(), training=True)
    with pytest.raises(
        ValueError, match=rf"^{layer.name}: expected a gradient for the 3 samples of the last forward, received 2"
    ):
        layer.backward(subject.dy(batch=2))
    with pytest.raises(ValueError, match=rf"^{layer.name}: expected a gradient of shape \(batch, "):
        layer.backward(subject.numbers((3, *subject.case.output, 1)))
    assert layer.backward(subject.dy()).shape == (3, *subject.case.sample)  # what was kept is still there
