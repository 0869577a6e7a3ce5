"""Layers that resize, crop, rescale, normalize, and change images at random: what they do, and Keras beside them.

The random numbers differ from Keras's, so Keras's own are handed over, and the maps that follow from them compared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tolerances import PARITY, assert_close

import tinycnn
from tinycnn import keras as ours
from tinycnn.insight import parity
from tinycnn.layers import (
    CenterCrop,
    Cropping2D,
    Dense,
    Flatten,
    Normalization,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Rescaling,
    Resizing,
)
from tinycnn.trainers.callbacks import BackupAndRestore, LambdaCallback
from tinycnn.utils import set_random_seed

SHAPES = [(3, 9, 7, 2), (2, 6, 6, 1), (2, 5, 8, 3)]
FILL_MODES = ["reflect", "wrap", "constant", "nearest"]


def images(shape: tuple[int, ...] = (4, 8, 8, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


# Against a live Keras


@pytest.mark.keras
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(4, 4), (13, 5), (6, 9), (3, 20)])
def test_resizing_and_cropping_as_keras(keras, shape, size):
    x = images(shape)
    theirs = keras.layers
    for interpolation in ("bilinear", "nearest"):
        for crop in (False, True):
            mine = Resizing(*size, interpolation, crop)(x)
            assert_close(mine, np.asarray(theirs.Resizing(*size, interpolation, crop)(x)), PARITY["float32"])
    assert_close(CenterCrop(*size)(x), np.asarray(theirs.CenterCrop(*size)(x)), PARITY["float32"])
    cropping = ((1, 0), (2, 1))
    np.testing.assert_array_equal(Cropping2D(cropping)(x), theirs.Cropping2D(cropping)(x))


@pytest.mark.keras
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(2, 2), (3, 1), (1, 7)])
def test_bilinear_up_sampling_as_keras(keras, shape, size):
    x = images(shape)
    mine, theirs = (k.layers.UpSampling2D(size, interpolation="bilinear") for k in (ours, keras))
    assert_close(mine(x), np.asarray(theirs(x)), PARITY["float32"])


@pytest.mark.keras
@pytest.mark.parametrize(
    ("layer", "arguments"),
    [("Resizing", (5, 12)), ("CenterCrop", (5, 12)), ("UpSampling2D", ((2, 3), None, "bilinear"))],
)
def test_gradients_of_resizing_as_keras(keras, layer, arguments):
    import tensorflow as tf

    x = images()
    mine, theirs, at = getattr(ours.layers, layer)(*arguments), getattr(keras.layers, layer)(*arguments), tf.constant(x)
    dy = images(mine(x, training=True).shape, 1)
    with tf.GradientTape() as tape:
        tape.watch(at)
        total = tf.reduce_sum(theirs(at) * dy)
    assert_close(mine.backward(dy), tape.gradient(total, at).numpy(), PARITY["float32"])


@pytest.mark.keras
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_maps_as_keras_for_the_same_numbers(keras, shape, fill_mode):
    x = images(shape)
    for interpolation in ("bilinear", "nearest"):
        for amount in (0.05, 0.3, 0.9):
            options = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 7.0}

            def pair(name, *factors, options=options):
                layer = getattr(ours.layers, name)(*factors, **options)
                layer.build((None, *shape[1:]))
                other = getattr(keras.layers, name)(*factors, **options)
                drawn = other.get_random_transformation(x)
                expected = np.asarray(other.transform_images(x, drawn))
                return layer, {key: np.asarray(value, "float64") for key, value in drawn.items()}, expected

            turned, drawn, expected_turned = pair("RandomRotation", amount)
            shifted, shifts, expected_shifted = pair("RandomTranslation", amount, amount / 2)
            zoomed, zooms, expected_zoomed = pair("RandomZoom", amount, amount / 2)
            right, down = shifts["translations"].T
            for layer, matrices, expected in (
                (turned, turned.rotations(np.deg2rad(drawn["angle"]), shape), expected_turned),
                (shifted, shifted.translations(down, right), expected_shifted),
                (zoomed, zoomed.zooms(zooms["height_zoom"][:, 0], zooms["width_zoom"][:, 0], shape), expected_zoomed),
            ):
                # Places are float32 in Keras: off by some 1e-6 of a pixel, and a value by as much of 255.
                np.testing.assert_allclose(layer.change(x, matrices)[0], expected, rtol=0, atol=255e-5)


@pytest.mark.keras
def test_colours_and_flips_as_keras_for_the_same_numbers(keras):
    x = images()
    for value_range in ((0, 255), (50, 200)):
        other = keras.layers.RandomContrast(0.8, value_range)
        drawn = other.get_random_transformation(x)
        layer = RandomContrast(0.8, value_range)
        expected = np.asarray(other.transform_images(x, drawn))
        assert_close(layer.change(x, np.asarray(drawn["contrast_factor"]))[0], expected, PARITY["float32"])
        other = keras.layers.RandomBrightness(0.8, value_range)
        drawn = other.get_random_transformation(x)
        layer = RandomBrightness(0.8, value_range)
        expected = np.asarray(other.transform_images(keras.ops.convert_to_tensor(x), drawn))
        assert_close(layer.change(x, np.asarray(drawn["rgb_delta"]))[0], expected, PARITY["float32"])
    for mode in ("horizontal", "vertical", "horizontal_and_vertical"):
        other = keras.layers.RandomFlip(mode)
        drawn = other.get_random_transformation(x)
        flips = np.asarray(drawn["flips"]).ravel()
        np.testing.assert_array_equal(RandomFlip(mode).change(x, flips)[0], other.transform_images(x, drawn))


@pytest.mark.keras
@pytest.mark.parametrize("name", ["RandomRotation", "RandomZoom", "RandomContrast", "RandomBrightness"])
@pytest.mark.parametrize("factor", [0.2, (0.1, 0.3), (0.3, 0.1)])
def test_ranges_as_keras(keras, name, factor):
    """The least and the greatest number that is drawn, of thousands."""
    n = 4000
    keras.utils.set_random_seed(1)
    layer, other = getattr(ours.layers, name)(factor, seed=1), getattr(keras.layers, name)(factor, seed=1)
    layer.build((None, 4, 4, 1))
    drawn = layer.draw((n, 4, 4, 1))
    theirs = other.get_random_transformation(np.zeros((n, 4, 4, 1), "float32"))
    key = {"RandomRotation": "angle", "RandomZoom": "height_zoom", "RandomContrast": "contrast_factor"}
    theirs = np.asarray(theirs[key.get(name, "rgb_delta")])
    if name == "RandomRotation":
        drawn = np.rad2deg(np.arctan2(drawn[:, 1, 0], drawn[:, 0, 0]))
    elif name == "RandomZoom":
        drawn = drawn[:, 1, 1]
    width = theirs.max() - theirs.min()
    assert abs(drawn.min() - theirs.min()) < 0.01 * width
    assert abs(drawn.max() - theirs.max()) < 0.01 * width
    assert abs(drawn.mean() - theirs.mean()) < 0.05 * width


@pytest.mark.keras
@pytest.mark.parametrize("axis", [-1, None, (1, 3), (1, 2, 3), 2])
@pytest.mark.parametrize("invert", [False, True])
def test_normalization_as_keras(keras, axis, invert):
    x = images()
    mine, theirs = Normalization(axis, invert=invert), keras.layers.Normalization(axis, invert=invert)
    mine.adapt(x)
    theirs.adapt(x)
    for own, other in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert_close(own, other, PARITY["float32"])
    assert_close(mine(x), np.asarray(theirs(x)), PARITY["float32"])
    given = Normalization(axis, mean=100.0, variance=2500.0)(x)
    assert_close(given, np.asarray(keras.layers.Normalization(axis, mean=100.0, variance=2500.0)(x)), PARITY["float32"])


def whole_model(k):
    """Every layer of this file in one model, adapted."""
    la = k.layers
    adapted = la.Normalization()
    adapted.adapt(images() / 255)
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            la.Rescaling(1 / 255, offset=[0.1, 0.2, 0.3]),
            adapted,
            la.Resizing(9, 7),
            la.CenterCrop(7, 7),
            la.Cropping2D((1, 0)),
            la.RandomFlip("horizontal", seed=3),
            la.RandomRotation(0.1),
            la.RandomTranslation(0.1, (0.1, 0.2)),
            la.RandomZoom(0.1),
            la.RandomContrast(0.2, value_range=(0, 1)),
            la.RandomBrightness(0.1, value_range=(0, 1)),
            la.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]),
            la.Flatten(),
            la.Dense(3, activation="softmax"),
        ]
    )


@pytest.mark.keras
@pytest.mark.parametrize("direction", ["ours to Keras", "Keras to ours"])
def test_files_both_ways(keras, tmp_path: Path, direction):
    first, second = (ours, keras) if direction == "ours to Keras" else (keras, ours)
    model = whole_model(first)
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = images(), np.arange(4) % 3
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    other = second.models.load_model(tmp_path / "m.keras")
    assert_close(other.predict(x, verbose=0), model.predict(x, verbose=0), 1e-5)
    other.fit(x, y, epochs=1, verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    fresh = whole_model(second)
    fresh.load_weights(tmp_path / "m.weights.h5")
    assert_close(fresh.predict(x, verbose=0), model.predict(x, verbose=0), 1e-5)


@pytest.mark.keras
def test_legacy_files_of_keras(keras, tmp_path: Path):
    """Without layers that change images at random: Keras cannot write those to its former format."""
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Normalization(), keras.layers.Flatten()])
    model.layers[0].adapt(images())
    model.save(tmp_path / "m.h5")
    other = ours.models.load_model(tmp_path / "m.h5")
    assert_close(other.predict(images(), verbose=0), model.predict(images(), verbose=0), PARITY["float32"])


# By their meaning


def test_images_are_changed_in_training_only_and_each_in_its_own_way():
    x = np.repeat(images((1, 8, 8, 3)), 30, axis=0)
    for layer in (
        RandomFlip(),
        RandomRotation(0.2),
        RandomTranslation(0.2, 0.2),
        RandomZoom(0.5),
        RandomContrast(0.5),
        RandomBrightness(0.5),
    ):
        y = layer(x, training=True)
        assert len({image.tobytes() for image in y}) >= (2 if isinstance(layer, RandomFlip) else 30)
        assert not np.array_equal(layer(x, training=True), y)
        assert layer.forward(x) is x


def test_flips():
    x = images((200, 4, 5, 2))
    for mode, mirrored in (
        ("horizontal", x[:, :, ::-1]),
        ("vertical", x[:, ::-1]),
        ("horizontal_and_vertical", x[:, ::-1, ::-1]),
    ):
        y = RandomFlip(mode, seed=1)(x, training=True)
        flipped = (y == mirrored).all((1, 2, 3))
        np.testing.assert_array_equal(flipped, ~(y == x).all((1, 2, 3)))
        assert 70 < flipped.sum() < 130


def test_directions():
    """A quarter turn to the left, down and to the right, larger."""
    x = images((1, 5, 5, 1))
    turned = RandomRotation((0.25, 0.25))(x, training=True)
    np.testing.assert_allclose(turned[0, :, :, 0], np.rot90(x[0, :, :, 0]), atol=1e-3)
    shifted = RandomTranslation((0.4, 0.4), (0.2, 0.2), fill_mode="constant", fill_value=9.0)(x, training=True)
    np.testing.assert_allclose(shifted[:, 2:, 1:], x[:, :-2, :-1], atol=1e-3)
    assert np.all(shifted[:, :2] == 9)
    zoomed = RandomZoom((-0.5, -0.5))(x, training=True)
    np.testing.assert_allclose(zoomed[:, ::2, ::2], x[:, 1:4, 1:4], atol=1e-3)


def test_fill_modes():
    x = np.arange(1.0, 5).reshape(1, 1, 4, 1)
    for fill_mode, expected in (
        ("reflect", [2, 1, 1, 2]),
        ("wrap", [3, 4, 1, 2]),
        ("nearest", [1, 1, 1, 2]),
        ("constant", [7, 7, 1, 2]),
    ):
        layer = RandomTranslation(0, (0.5, 0.5), fill_mode=fill_mode, fill_value=7.0)
        np.testing.assert_allclose(layer(x, training=True).ravel(), expected, err_msg=fill_mode)


def test_random_crop():
    x = images((2, 8, 9, 1))
    layer = RandomCrop(3, 5, seed=1)
    places = set()
    for _ in range(400):
        y = layer(x, training=True)
        found = [(i, j) for i in range(6) for j in range(5) if np.array_equal(y, x[:, i : i + 3, j : j + 5])]
        assert len(found) == 1
        places |= set(found)
    assert places == {(i, j) for i in range(6) for j in range(5)}
    np.testing.assert_array_equal(layer(x), CenterCrop(3, 5)(x))
    larger = RandomCrop(8, 4)
    np.testing.assert_array_equal(larger(x, training=True), CenterCrop(8, 4)(x))
    assert larger.backward(images((2, 8, 4, 1))).shape == x.shape


def test_brightness_and_contrast_stay_within_their_range():
    x = images()
    for layer in (RandomBrightness(1.0, (20, 100)), RandomContrast(1.0, (100, 20))):
        y = layer(x, training=True)
        assert y.min() >= 20
        assert y.max() <= 100


def test_rescaling():
    x = np.array([[[[0, 255]]]], "uint8")
    np.testing.assert_allclose(Rescaling(1 / 127.5, offset=-1)(x), [[[[-1, 1]]]])
    np.testing.assert_allclose(Rescaling([1.0, 2.0], [5, 0])(x), [[[[5, 510]]]])


@pytest.mark.parametrize("form", ["array", "list", "generator", "pairs", "PyDataset"])
def test_adapt_takes_batches(form):
    x = images((10, 4, 4, 2)) + 1000
    flow = ours.preprocessing.image.ImageDataGenerator
    data = {
        "array": x,
        "list": [x[:3], x[3:4], x[4:]],
        "generator": (x[i : i + 2] for i in range(0, 10, 2)),
        "pairs": [(x[:3], np.zeros(3)), (x[3:], np.zeros(7))],
        "PyDataset": None,
    }[form]
    if form == "PyDataset":
        with pytest.warns(UserWarning, match="channels"):
            data = flow().flow(x, np.zeros(10), batch_size=3)
    layer = Normalization()
    layer.adapt(data)
    np.testing.assert_allclose(layer.mean, x.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(layer.variance, x.var((0, 1, 2)), rtol=1e-4)
    y = layer(x)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-3)
    layer.adapt(images((3, 9, 5, 2)))  # of another size; anew, not in addition
    assert layer.mean.max() < 500


def test_a_feature_that_never_changes_is_not_divided_by_zero():
    x = np.ones((4, 3), "float32")
    layer = Normalization()
    layer.adapt(x)
    np.testing.assert_array_equal(layer(x), np.zeros((4, 3)))


def test_count_in_the_summary(capsys):
    model = tinycnn.Sequential([ours.Input((8, 8, 3)), Normalization(), Flatten(), Dense(1)])
    model.summary()
    assert "Non-trainable params: 7" in capsys.readouterr().out  # mean, variance, and Keras's count


# Seeds


def augmented():
    return tinycnn.Sequential(
        [
            ours.Input((8, 8, 3)),
            Rescaling(1 / 255),
            RandomFlip(),
            RandomRotation(0.1),
            RandomContrast(0.2, value_range=(0, 1)),
            Flatten(),
            Dense(3, activation="softmax"),
        ]
    )


def trained(epochs, callbacks=()):
    set_random_seed(5)
    model = augmented()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images((12, 8, 8, 3)), np.arange(12) % 3, batch_size=5, epochs=epochs, verbose=0, callbacks=callbacks)
    return model.get_weights()


def test_same_seed_same_bits_also_after_an_interruption(tmp_path: Path):
    whole = trained(4)
    for a, b in zip(whole, trained(4), strict=True):
        np.testing.assert_array_equal(a, b)

    def stop(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(
            4, [BackupAndRestore(tmp_path / "backup"), LambdaCallback(on_epoch_begin=lambda e, logs: stop(e - 1, 0))]
        )
    for a, b in zip(whole, trained(4, [BackupAndRestore(tmp_path / "backup")]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_seed_of_its_own():
    x = images()
    first, second = (RandomRotation(0.3, seed=4)(x, training=True) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(RandomRotation(0.3, seed=5)(x, training=True), first)


# Errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Rescaling("a"), r"Rescaling: expected scale as a number or a list of numbers, received 'a'"),
        (
            lambda: Rescaling([1, 2])(images()),
            r"rescaling\w*: expected scale as one number or one for each .* 2 numbers",
        ),
        (lambda: Normalization(mean=1.0), "Normalization: expected mean and variance of one shape, or neither"),
        (lambda: Normalization(mean=1.0, variance=-1.0), r"expected a variance >= 0, received -1\.0"),
        (
            lambda: Normalization(mean=[1, 2], variance=[1, 2])(images()),
            r"expected mean as one number or of shape \(3,\)",
        ),
        (
            lambda: Normalization(axis=0)(images()),
            r"expected different axes of inputs of shape .* received axis=\(0,\)",
        ),
        (lambda: Normalization(axis=(1, -3))(images()), r"received axis=\(1, -3\)"),
        (lambda: Normalization(axis=4)(images()), r"received axis=\(4,\)"),
        (lambda: Normalization().adapt([]), "expected data to adapt to, received none"),
        (lambda: Normalization().adapt([images(), images((2, 8, 8, 1))]), r"expected data of shape \(batch, 8, 8, 3\)"),
        (lambda: Resizing(0, 4), "Resizing: expected height and width to be a positive"),
        (
            lambda: Resizing(4, 4, "bicubic"),
            "Resizing: expected interpolation one of bilinear, nearest, received 'bicubic'",
        ),
        (lambda: Resizing(4, 4)(np.zeros((2, 9))), r"resizing\w*: expected images of shape"),
        (
            lambda: Resizing.from_config({"height": 4, "width": 4, "antialias": True}),
            "Resizing: expected antialias=False",
        ),
        (lambda: CenterCrop(4, -1), "CenterCrop: expected height and width to be a positive"),
        (lambda: Cropping2D(-1), "Cropping2D: expected cropping to be whole numbers >= 0, .*received -1"),
        (lambda: Cropping2D(4)(images()), r"expected cropping that leaves something of images of 8x8, received"),
        (
            lambda: RandomFlip("sideways"),
            "RandomFlip: expected mode one of horizontal, vertical, .*received 'sideways'",
        ),
        (lambda: RandomRotation("a"), "RandomRotation: expected factor as a number or two numbers from -1 to 1"),
        (lambda: RandomRotation(0.1, fill_mode="black"), "RandomRotation: expected fill_mode one of reflect, wrap"),
        (lambda: RandomRotation(0.1, interpolation="best"), "RandomRotation: expected interpolation one of bilinear"),
        (lambda: RandomTranslation(0.1, 2), "RandomTranslation: expected width_factor as .* received 2"),
        (lambda: RandomZoom((0.1, 0.2, 0.3)), r"RandomZoom: expected height_factor as .* received \(0.1, 0.2, 0.3\)"),
        (lambda: RandomContrast(1.5), "RandomContrast: expected factor as a number or two numbers from 0 to 1"),
        (
            lambda: RandomContrast(0.1, 255),
            "RandomContrast: expected value_range as two different numbers, received 255",
        ),
        (lambda: RandomBrightness(0.1, (1, 1)), r"RandomBrightness: expected value_range .* received \(1, 1\)"),
        (lambda: RandomCrop(4, 0), "RandomCrop: expected height and width to be a positive"),
        (lambda: RandomFlip()(np.zeros((2, 8, 8))), r"random_flip\w*: expected images of shape \(batch, height"),
        (lambda: RandomZoom(0.1, data_format="channels_first"), "RandomZoom: expected data_format='channels_last'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_adapt_where_the_statistics_are_given():
    with pytest.raises(RuntimeError, match="expected adapt for a layer without statistics"):
        Normalization(mean=1.0, variance=2.0).adapt(images())


@pytest.mark.keras
def test_models_that_change_images_at_random_are_not_compared(keras):
    layers = [ours.Input((8, 8, 3)), RandomFlip(), Flatten(), Dense(2)]
    theirs = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.RandomFlip(), keras.layers.Flatten()])
    theirs.add(keras.layers.Dense(2))
    model = tinycnn.Sequential(layers)
    for it in (model, theirs):
        it.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"compare: .*received 'random_flip\w*', which changes images at random"):
        parity.compare(model, theirs, images(), np.zeros((4, 2)))
