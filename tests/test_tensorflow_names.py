"""Keras's and TensorFlow's functions on arrays, settings and questions: what they give there."""

from __future__ import annotations

import importlib
import pkgutil
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tinycnn.tensorflow as tf
from tinycnn import keras as mine
from tinycnn import utils
from tinycnn.keras import backend as K  # noqa: N812 - everybody calls it so
from tinycnn.keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input
from tinycnn.tensors import Tensor

A = np.random.default_rng(5).normal(size=(2, 3, 4)).astype("float32")
B = np.random.default_rng(6).normal(size=(2, 3, 4)).astype("float32")
IMAGES = np.random.default_rng(7).uniform(0, 255, (2, 6, 8, 3))

# Name, arguments, arguments by name
OF_TENSORFLOW: list[tuple[str, tuple, dict]] = [
    *((f"math.{name}", (A,), {}) for name in ("abs", "exp", "negative", "sign", "square", "floor", "ceil", "round")),
    *((f"math.{name}", (np.abs(A),), {}) for name in ("log", "sqrt")),
    *((name, (A, B), {}) for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "equal", "less")),
    *((name, (np.abs(A), 0.5), {}) for name in ("greater", "greater_equal", "less_equal", "not_equal", "add", "pow")),
    *((f"reduce_{name}", (A,), {}) for name in ("mean", "sum", "max", "min", "prod")),
    *((f"reduce_{name}", (A, [0, 2]), {"keepdims": True}) for name in ("mean", "sum", "max")),
    *((f"math.reduce_{name}", (A,), {"axis": -1}) for name in ("std", "variance")),
    *((f"reduce_{name}", ([1, 2, 4],), {}) for name in ("mean", "sum", "prod")),
    *((f"reduce_{name}", (A > 0, 1), {}) for name in ("all", "any")),
    *((name, (A,), {}) for name in ("argmax", "argmin", "shape", "rank", "size", "zeros_like", "ones_like")),
    *(("argmax", (A, axis), {}) for axis in (1, -1)),
    *((f"nn.{name}", (A,), {}) for name in ("relu", "softmax", "sigmoid", "leaky_relu", "gelu", "log_softmax", "silu")),
    ("argmax", ([0.1, 0.7, 0.2],), {"output_type": "int32"}),
    ("logical_and", (A > 0, B > 0), {}),
    ("logical_not", (A > 0,), {}),
    ("constant", ([[1.0, 2.0], [3.0, 4.0]],), {}),
    ("constant", ([1, 2],), {"dtype": "float64"}),
    ("constant", (3,), {"shape": (2, 2), "name": "three"}),
    ("constant", ([1, 2, 3, 4],), {"shape": (2, 2)}),
    ("constant", (3_000_000_000,), {"dtype": "int64"}),
    ("constant", (True,), {}),
    ("convert_to_tensor", (IMAGES,), {}),
    ("cast", (IMAGES, "int32"), {}),
    ("cast", ([True, False], "float32"), {}),
    ("expand_dims", (A, -1), {}),
    ("squeeze", (A[:1, :, :1],), {}),
    ("squeeze", (A[:1, :, :1], [0]), {}),
    ("reshape", (A, (-1, 4)), {}),
    ("reshape", (A, [4, -1]), {}),
    ("transpose", (A,), {}),
    ("transpose", (A,), {"perm": [0, 2, 1]}),
    ("concat", ([A, B], 1), {}),
    ("stack", ([A, B],), {"axis": 1}),
    ("gather", (A, [1, 0, 1]), {}),
    ("gather", (A, [2, 0]), {"axis": 1}),
    ("tile", ([[1, 2]], [2, 3]), {}),
    ("where", (A > 0, A, 0.0), {}),
    ("where", (A > 0,), {}),
    ("one_hot", ([0, 2, 5, -1], 3), {}),
    ("one_hot", ([[0], [2]], 3), {"on_value": 2.5, "off_value": -1.0, "axis": 1}),
    ("clip_by_value", (A, -0.5, 0.5), {}),
    ("matmul", (A[0], B[0].T), {}),
    ("zeros", ((2, 3),), {}),
    ("ones", ([2],), {"dtype": "int32"}),
    ("fill", ([2, 3], 7), {}),
    ("eye", (2, 3), {}),
    ("range", (5,), {}),
    ("range", (1.0, 2.0, 0.25), {}),
    ("linspace", (0.0, 1.0, 5), {}),
    ("math.confusion_matrix", ([0, 1, 2, 2], [0, 2, 2, 2]), {}),
    ("math.confusion_matrix", ([0, 1], [1, 1]), {"num_classes": 3, "weights": [2, 3], "dtype": "float32"}),
    ("nn.sparse_softmax_cross_entropy_with_logits", ([2, 0], A[:, 0]), {}),
    ("nn.softmax_cross_entropy_with_logits", (np.eye(4, dtype="float32")[:2], A[:, 0]), {}),
    ("image.flip_left_right", (IMAGES,), {}),
    ("image.flip_up_down", (IMAGES[0],), {}),
    ("image.grayscale_to_rgb", (IMAGES[..., :1],), {}),
    ("image.rgb_to_grayscale", (IMAGES.astype("float32"),), {}),
    ("image.rgb_to_grayscale", (IMAGES.astype("uint8"),), {}),
    ("image.resize", (IMAGES.astype("float32"), (3, 5)), {}),
    ("image.resize", (IMAGES[0].astype("uint8"), [9, 16]), {}),
    ("image.resize", (IMAGES.astype("uint8"), (3, 5)), {"method": "nearest"}),
]


def found(package: Any, name: str) -> Any:
    for part in name.split("."):
        package = getattr(package, part)
    return package


def same(got: Any, wanted: Any) -> None:
    assert isinstance(got, Tensor)
    assert got.numpy().dtype == np.asarray(wanted).dtype
    np.testing.assert_allclose(got.numpy(), np.asarray(wanted), rtol=2e-6, atol=1e-6)
    assert got.shape == tuple(wanted.shape)


@pytest.mark.keras
@pytest.mark.parametrize(("name", "args", "kwargs"), OF_TENSORFLOW)
def test_functions_give_what_tensorflows_give(keras, name, args, kwargs):
    import tensorflow

    theirs = [tensorflow.constant(args[0]), *args[1:]] if name.startswith("image.") else args
    same(found(tf, name)(*args, **kwargs), found(tensorflow, name)(*theirs, **kwargs))


OF_KERAS: list[tuple[str, tuple, dict]] = [
    *((name, ([1, 2, 4],), {}) for name in ("mean", "std", "var", "max", "argmax", "argmin", "argsort")),
    *((name, (A,), {"axis": (0, 2)}) for name in ("mean", "sum", "min")),
    *((name, (A, 2), {}) for name in ("add", "multiply", "power", "divide", "equal")),
    *((name, (2, A), {}) for name in ("subtract", "maximum")),
    ("dot", (A[0], B[0].T), {}),
    ("concatenate", ([A, B],), {"axis": -1}),
    ("convert_to_tensor", ([1, 2.5],), {}),
    ("expand_dims", (A, 0), {}),
    ("isnan", ([1.0, float("nan")],), {}),
    ("take", (A, [0, 1]), {"axis": 2}),
    ("transpose", (A, (2, 0, 1)), {}),
    ("where", (A > 0, A, 0), {}),
    ("one_hot", ([1, 0], 3), {}),
    ("arange", (1, 4), {}),
    ("eye", (3,), {"k": 1}),
    ("clip", (A, 0, 1), {}),
    ("zeros", ((2,),), {}),
    ("ones", ((2,),), {}),
]


@pytest.mark.keras
@pytest.mark.parametrize(("name", "args", "kwargs"), OF_KERAS)
def test_functions_give_what_those_of_keras_ops_give(keras, name, args, kwargs):
    same(found(mine.ops, name)(*args, **kwargs), found(keras.ops, name)(*args, **kwargs))


def test_functions_on_numbers_that_are_easily_checked():
    """What the tests beside TensorFlow hold more of, for everyday use without it."""
    x, pixels, ops = [[1, 5], [4, 2]], np.array([[[10.0], [20.0]], [[30.0], [40.0]]]), mine.ops
    for got, expected in (
        (tf.constant(7, shape=(1, 2)), [[7, 7]]),
        (tf.constant([1, 2], shape=(2, 1)), [[1], [2]]),
        (tf.reshape(x, (4,)), [1, 5, 4, 2]),
        (tf.transpose(x), [[1, 4], [5, 2]]),
        (tf.concat([x, x], 1), [[1, 5, 1, 5], [4, 2, 4, 2]]),
        (tf.gather(x, [1]), [[4, 2]]),
        (tf.where([True, False, True]), [[0], [2]]),
        (tf.where([True, False], [1.0, 2.0], 0.0), [1, 0]),
        (tf.one_hot([1], 2, off_value=-1), [[-1, 1]]),
        (tf.stack([tf.rank(x), tf.size(x), tf.shape(x)[1]]), [2, 4, 2]),
        (tf.zeros(2) + tf.ones(2) + tf.fill([2], 3), [4, 4]),
        (tf.eye(2), [[1, 0], [0, 1]]),
        (tf.linspace(0, 1, 3), [0, 0.5, 1]),
        (tf.range(1, 4), [1, 2, 3]),
        (tf.argmin(x), [0, 1]),
        (tf.clip_by_value(x, 2, 4), [[2, 4], [4, 2]]),
        (tf.expand_dims([1], 0), [[1]]),
        (tf.squeeze([[1], [2]], [1]), [1, 2]),
        (tf.math.confusion_matrix([0, 1, 1], [0, 0, 1]), [[1, 0], [1, 1]]),
        (tf.nn.softmax_cross_entropy_with_logits([[1.0, 0.0]], [[0.0, 0.0]]), [np.log(2)]),
        (tf.nn.sparse_softmax_cross_entropy_with_logits([1], [[0.0, 0.0]]), [np.log(2)]),
        (tf.image.flip_left_right(pixels)[..., 0], [[20, 10], [40, 30]]),
        (tf.image.flip_up_down(pixels)[..., 0], [[30, 40], [10, 20]]),
        (tf.image.resize(pixels, (1, 1)), [[[25]]]),
        (tf.image.rgb_to_grayscale(tf.image.grayscale_to_rgb(pixels)), 0.9999 * pixels),
        (tf.image.rgb_to_grayscale(np.full((1, 1, 3), 200, "uint8")), [[[200]]]),
        (ops.argsort([3, 1, 2]), [1, 2, 0]),
        (ops.argmin([3, 1]), 1),
        (ops.convert_to_numpy([2.5]), [2.5]),
        (ops.where([[True, False]])[1], [0]),
        (ops.subtract(2, tf.constant([0.5])), [1.5]),
        (ops.eye(1), [[1]]),
        ((ops.size(x), *ops.shape(x)), (4, 2, 2)),
    ):
        np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-6)
    assert tf.is_tensor(tf.constant(1))
    assert not tf.is_tensor(1)


def modules(package: ModuleType) -> list[str]:
    """Names of all modules under a package, without its own name."""
    found = [info.name for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    return [name.removeprefix(package.__name__ + ".") for name in found]


def test_tf_keras_is_keras():
    assert modules(tf.keras) == modules(mine)
    for name in ("", *(f".{name}" for name in modules(mine))):
        ours, theirs = (importlib.import_module(f"{of}{name}") for of in ("tinycnn.keras", "tinycnn.tensorflow.keras"))
        assert ours.__all__ == theirs.__all__
        for public in ours.__all__:
            if not isinstance(getattr(ours, public), ModuleType):
                assert getattr(theirs, public) is getattr(ours, public), (name, public)


@pytest.mark.keras
@pytest.mark.parametrize(
    "room", ["tensorflow", *(f"tensorflow.{name}" for name in modules(tf) if not re.search(r"\b_|^keras", name))]
)
def test_names_are_tensorflows(keras, room):
    import tensorflow

    names = importlib.import_module(f"tinycnn.{room}").__all__
    theirs = found(tensorflow, room[len("tensorflow.") :]) if "." in room else tensorflow
    assert [name for name in names if not hasattr(theirs, name)] == []


@pytest.mark.keras
@pytest.mark.parametrize("room", ["backend", "config", "ops", "random", "utils"])
def test_names_are_those_of_keras(keras, room):
    import tensorflow

    theirs = getattr(tensorflow.keras, room)  # whose backend has the functions of former versions
    assert [name for name in getattr(mine, room).__all__ if not hasattr(theirs, name)] == []


def test_versions_pass_what_programs_ask():
    for version, major in ((mine.__version__, 3), (tf.keras.__version__, 3), (tf.__version__, 2)):
        assert version >= "2"
        assert int(version.split(".")[0]) == major
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert tf.__version__ == tf.version.VERSION


def test_functions_of_tf_nn_are_activations_of_layers():
    layers = [Dense(2, activation=function) for function in (tf.nn.relu, tf.nn.softmax, tf.nn.leaky_relu, tf.sigmoid)]
    assert [layer.activation for layer in layers] == ["relu", "softmax", "leaky_relu", "sigmoid"]


@pytest.fixture
def float64():
    K.set_floatx("float64")
    yield
    K.set_floatx("float32")


def test_what_is_computed_with_tensors_is_one():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    for result, expected in (
        (x[0, 1], 2),
        (x[1], [3, 4]),
        (x[0, 0] * 3 + 1, 4),
        (tf.shape(x)[0], 2),
        (x @ x, [[7, 10], [15, 22]]),
        (tf.reduce_sum(x) / 4, 2.5),
        (next(iter(x[0])), 1),
    ):
        assert isinstance(result, Tensor)
        np.testing.assert_array_equal(result.numpy(), expected)
        assert type(result.numpy()) is not Tensor
    assert f"{x[0, 1]:.2f} {float(x[0, 0])} {int(tf.argmax(x)[0])}" == "2.00 1.0 1"


def test_floatx_is_the_dtype_of_new_layers(float64, rng):
    assert K.floatx() == mine.config.floatx() == "float64"
    x, y = rng.normal(size=(12, 6, 6, 1)), rng.integers(0, 3, 12)
    model = mine.Sequential([Input((6, 6, 1)), Conv2D(2, 3), BatchNormalization(), Flatten(), Dense(3)])
    model.compile("adam", mine.losses.SparseCategoricalCrossentropy(from_logits=True), kernels="reference")
    model.fit(x, y, epochs=1, verbose=0)
    assert {weights.dtype.name for weights in model.get_weights()} == {"float64"}
    assert model.predict(x, verbose=0).dtype == np.float64
    assert K.ones(2).dtype == tf.convert_to_tensor(0.1).dtype == K.cast_to_floatx([1]).dtype == np.float64
    assert mine.utils.img_to_array(np.ones((2, 2, 1))).dtype == np.float64
    K.set_floatx("float32")
    assert Dense(3).dtype == np.float32


def test_settings_that_are_as_they_are():
    assert (K.backend(), K.image_data_format(), K.epsilon()) == ("numpy", "channels_last", 1e-7)
    K.set_image_data_format("channels_last")
    K.set_epsilon(1e-7)
    for set_it, value, message in (
        (K.set_floatx, "float16", "set_floatx: expected dtype 'float32' or 'float64', received 'float16'. Use one of"),
        (K.set_epsilon, 1e-3, "set_epsilon: expected 1e-7, received 0.001. Leave it, and give layers and optimizers"),
        (
            K.set_image_data_format,
            "channels_first",
            "set_image_data_format: expected 'channels_last', received 'channels_first'. Move the channels to the end: "
            "x.transpose(0, 2, 3, 1).",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            set_it(value)


def test_values_of_variables():
    optimizer = mine.optimizers.SGD(0.5)
    K.set_value(optimizer.learning_rate, 0.25)
    assert K.get_value(optimizer.learning_rate) == K.eval(optimizer.learning_rate) == optimizer.learning_rate == 0.25
    assert np.array_equal(K.eval(K.mean(K.constant([[1.0, 2.0], [3.0, 4.0]]), axis=0)), [2, 3])
    assert K.int_shape(A) == (2, 3, 4)
    assert K.ndim(A) == 3
    assert np.array_equal(K.flatten(A), A.ravel())


def test_normalize(rng):
    x = rng.integers(0, 256, (2, 3, 4), dtype="uint8")
    x[0, 0] = 0
    for axis, order in ((-1, 2), (1, 1)):
        powers = (np.abs(x.astype(float)) ** order).sum(axis=axis, keepdims=True) ** (1 / order)
        wanted = np.divide(x, powers, out=np.zeros(x.shape), where=powers > 0)
        np.testing.assert_allclose(mine.utils.normalize(x, axis, order), wanted)


def test_plot_model_says_what_draws():
    model = mine.Sequential([Input((2,)), Dense(1)])
    with pytest.warns(UserWarning, match=r"plot_model: expected a program .*export_onnx.*netron") as caught:
        assert mine.utils.plot_model(model, "net.png", show_shapes=True) is None
    assert caught[0].filename == __file__


def test_random_arrays():
    for module in (mine.random, tf.random):
        numbers = module.normal((4000,), 3.0, 2.0)
        assert numbers.dtype == np.float32
        assert abs(numbers.mean() - 3) < 0.2
        assert abs(numbers.std() - 2) < 0.2
        cut = module.truncated_normal([4000], 1.0, 0.5)
        assert 0.9 < np.abs(cut - 1).max() <= 1
        uniform = module.uniform((4000,), -1, 3)
        assert (uniform.min() < -0.95, uniform.max() > 2.95, uniform.min() >= -1, uniform.max() <= 3) == (True,) * 4
        assert 0 <= module.uniform(()) < 1
        assert np.array_equal(module.normal((3,), seed=4), module.normal((3,), seed=4))
        assert not np.array_equal(module.normal((3,)), module.normal((3,)))
        mixed = module.shuffle(np.arange(50))
        assert sorted(mixed.tolist()) == list(range(50)) != mixed.tolist()
    assert sorted(set(tf.random.uniform((200,), maxval=4, dtype=tf.int32).tolist())) == [0, 1, 2, 3]
    assert sorted(set(mine.random.randint((200,), 1, 4).tolist())) == [1, 2, 3]
    with pytest.raises(ValueError, match=re.escape("uniform: expected a maxval for numbers of int32, received None.")):
        tf.random.uniform((2,), dtype="int32")


def test_tensorflows_seed_leaves_numpys_alone():
    def drawn() -> list[np.ndarray]:
        tf.random.set_seed(3)
        layer = Dense(4)
        layer(np.ones((1, 3)))
        return [*layer.get_weights(), tf.random.normal((3,)), np.random.rand(3)]  # noqa: NPY002

    first, second = drawn(), drawn()
    assert all(np.array_equal(a, b) for a, b in zip(first[:-1], second[:-1], strict=True))
    assert not np.array_equal(first[-1], second[-1])
    with pytest.raises(TypeError, match="expected an integer, received 'a'"):
        tf.random.set_seed("a")
    assert utils.new_seed_sequence().entropy == 3  # a wrong seed changes nothing


def test_there_is_the_processor():
    cpu = [("/physical_device:CPU:0", "CPU")]
    for config in (tf.config, tf.config.experimental):
        assert config.list_physical_devices() == config.list_physical_devices("CPU") == cpu
        assert config.list_physical_devices("GPU") == config.list_logical_devices("GPU") == []
        assert config.list_logical_devices() == [("/device:CPU:0", "CPU")]
    tf.config.set_visible_devices([], "GPU")
    tf.config.set_visible_devices(tf.config.list_physical_devices("CPU")[0], "CPU")
    with pytest.raises(ValueError, match=re.escape("expected what list_physical_devices('CPU') lists, received []")):
        tf.config.set_visible_devices([], "CPU")
    assert not tf.test.is_gpu_available()
    assert not tf.test.is_built_with_cuda()
    assert not tf.test.is_built_with_gpu_support()
    assert not tf.test.gpu_device_name()
    with tf.device("/CPU:0"):
        assert tf.executing_eagerly()
    with pytest.raises(ValueError, match=re.escape("device: expected '/CPU:0', received '/GPU:0'.")):
        tf.device("/GPU:0")
    tf.get_logger().setLevel("ERROR")
    assert tf.get_logger().level == 40


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tf.math.confusion_matrix([0], [0, 1]),
            "confusion_matrix: expected as many predictions as labels, rec",
        ),
        (lambda: tf.math.confusion_matrix([0, 3], [1, 1], 3), "expected classes from 0 to 2, received up to 3, from 0"),
        (lambda: tf.math.confusion_matrix([0, 1], [1, -1]), "expected classes from 0 to 1, received up to 1, from -1"),
        (lambda: tf.image.flip_up_down(A[0]), "flip_up_down: expected an image (h, w, c) or a batch of them, received"),
        (
            lambda: tf.image.rgb_to_grayscale(A),
            "expected an image (h, w, 3) or a batch of them, received shape (2, 3, 4)",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
