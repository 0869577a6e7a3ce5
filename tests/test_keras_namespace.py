"""tinycnn under Keras's names: every import a Keras user writes, one object behind each name, Keras's signatures."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tinycnn

FOLDER = Path(tinycnn.__file__).parent / "keras"
MODULES = [
    "activations",
    "callbacks",
    "constraints",
    "datasets",
    "datasets.cifar10",
    "datasets.cifar100",
    "datasets.fashion_mnist",
    "datasets.mnist",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "optimizers.schedules",
    "preprocessing.image",
    "regularizers",
    "saving",
    "utils",
]

# Import lines as Keras users write them, with tensorflow replaced by tinycnn
IMPORTS = """
import tinycnn as tensorflow
import tinycnn as tf
import tinycnn.keras
import tinycnn.keras as keras
import tinycnn.tensorflow
import tinycnn.tensorflow as tf
import tinycnn.tensorflow.keras as keras
import tinycnn.tensorflow.keras.backend as K
from tinycnn import tensorflow as tf
from tinycnn.tensorflow import keras
from tinycnn.tensorflow.keras import Sequential, layers, optimizers
from tinycnn.tensorflow.keras.layers import Dense, Conv2D
from tinycnn.tensorflow.keras.datasets import mnist
from tinycnn.tensorflow.keras.optimizers.schedules import ExponentialDecay
from tinycnn.tensorflow.keras.preprocessing.image import ImageDataGenerator
import tinycnn.keras.layers
import tinycnn.keras.layers as layers
import tinycnn.keras.datasets.mnist
from tinycnn import keras
from tinycnn.keras import Sequential
from tinycnn.keras import Input
from tinycnn.keras import layers, models, optimizers, losses, metrics, callbacks, datasets, utils
from tinycnn.keras import initializers, regularizers, activations
from tinycnn.keras import backend
from tinycnn.keras.models import Sequential
from tinycnn.keras.layers import Dense, Flatten, Conv2D, MaxPooling2D, Dropout, BatchNormalization
from tinycnn.keras.layers import MaxPool2D, AveragePooling2D, AvgPool2D, GlobalAveragePooling2D, GlobalAvgPool2D
from tinycnn.keras.layers import GlobalMaxPool2D, GlobalMaxPooling2D, UpSampling2D
from tinycnn.keras.layers import Conv2DTranspose, Convolution2DTranspose, DepthwiseConv2D
from tinycnn.keras.layers import SeparableConv2D, SeparableConvolution2D
from tinycnn.keras.layers import Activation, ReLU, LeakyReLU, Softmax, Input, InputLayer, Layer, Convolution2D
from tinycnn.keras.layers import Reshape, ZeroPadding2D
from tinycnn.keras.layers import ELU, PReLU, UnitNormalization, LayerNormalization, GroupNormalization
from tinycnn.keras.layers import SpatialDropout2D, GaussianNoise, GaussianDropout, AlphaDropout
from tinycnn.keras.layers import Rescaling, Normalization, Resizing, CenterCrop, Cropping2D, RandomFlip, RandomRotation
from tinycnn.keras.layers import RandomTranslation, RandomZoom, RandomContrast, RandomBrightness, RandomCrop
from tinycnn.keras.models import load_model, save_model
from tinycnn.keras.saving import load_model
from tinycnn.keras.optimizers import Adam, AdamW, SGD, RMSprop
from tinycnn.keras.optimizers import Adadelta, Adagrad, Adamax, Nadam
from tinycnn.keras.optimizers.schedules import ExponentialDecay, PiecewiseConstantDecay, CosineDecay
from tinycnn.keras.losses import SparseCategoricalCrossentropy, CategoricalCrossentropy, BinaryCrossentropy
from tinycnn.keras.losses import MeanSquaredError, Huber, KLDivergence, MeanAbsoluteError, Hinge
from tinycnn.keras.losses import categorical_crossentropy, mean_squared_error, binary_crossentropy, mse
from tinycnn.keras.metrics import SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy, Mean
from tinycnn.keras.metrics import Precision, Recall, AUC, TopKCategoricalAccuracy, RootMeanSquaredError
from tinycnn.keras.callbacks import Callback, EarlyStopping, History, LambdaCallback, CSVLogger, ModelCheckpoint
from tinycnn.keras.callbacks import BackupAndRestore, LearningRateScheduler, ReduceLROnPlateau
from tinycnn.keras.callbacks import TensorBoard, TerminateOnNaN
from tinycnn.keras.datasets import mnist
from tinycnn.keras.datasets import cifar10, cifar100, fashion_mnist
from tinycnn.keras.datasets.mnist import load_data
from tinycnn.keras.datasets.cifar10 import load_data
from tinycnn.keras.preprocessing.image import ImageDataGenerator
from tinycnn.keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img
from tinycnn.keras.preprocessing import image
from tinycnn.keras.utils import to_categorical, set_random_seed, clear_session, normalize, plot_model
from tinycnn.keras.backend import clear_session
from tinycnn.keras import backend as K
from tinycnn.keras import ops, random, config
from tinycnn.keras.initializers import GlorotUniform, HeNormal, Zeros, Ones, Constant
from tinycnn.keras.regularizers import L2, l2
from tinycnn.keras.constraints import MaxNorm, NonNeg, max_norm
from tinycnn.keras.activations import relu, softmax
""".strip().splitlines()


def test_import_lines_in_a_fresh_interpreter():
    """Whichever comes first imports all of tinycnn, so one interpreter serves for all lines."""
    program = "import sys\nfor line in sys.argv[1:]:\n    exec(line, {})\n    print(line)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *IMPORTS], cwd=FOLDER.parents[1], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == IMPORTS


@pytest.mark.parametrize("line", IMPORTS)
def test_import_line(line):
    namespace: dict = {}
    exec(line, namespace)
    names = [alias.asname or alias.name.split(".")[0] for alias in ast.parse(line).body[0].names]
    assert all(name in namespace for name in names)


@pytest.mark.parametrize("name", MODULES)
def test_behind_keras_names_are_the_same_objects(name):
    module = importlib.import_module(f"tinycnn.{name}")
    named = importlib.import_module(f"tinycnn.keras.{name}")
    names = set(named.__all__) & set(module.__all__)
    assert names
    for it in names:
        theirs = getattr(module, it)
        mine = getattr(named, it)
        # datasets' members are modules, which have names of their own here
        assert mine is theirs or mine.load_data is theirs.load_data
    target = tinycnn.keras
    for part in name.split("."):
        target = getattr(target, part)
    assert target is named


def test_names_on_the_top():
    keras = tinycnn.keras
    assert keras.Sequential is tinycnn.Sequential is keras.models.Sequential
    assert keras.Input is keras.layers.Input
    assert keras.layers.Layer is keras.Layer
    tensorflow = tinycnn
    assert tensorflow.keras.optimizers.Adam(learning_rate=0.01).learning_rate == 0.01
    assert set(keras.__all__) <= set(dir(keras))


ADAPTERS = {"backend.py", "ops.py", "random.py", "utils.py"}  # functions over NumPy's and the core's
FILES = [file for file in sorted(FOLDER.rglob("*.py")) if str(file.relative_to(FOLDER)) not in ADAPTERS]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_nothing_is_defined_in_the_namespace(file):
    """Imports, ``__all__``, ``__version__`` and a docstring; no class, function or constant."""
    docstring, *rest = ast.parse(file.read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)
    for node in rest:
        if isinstance(node, ast.Assign):
            kind = {"__all__": ast.List, "__version__": ast.Constant}[ast.unparse(node.targets[0])]
            assert isinstance(node.value, kind)
        else:
            assert isinstance(node, ast.ImportFrom), ast.unparse(node)


# Against a live Keras


def public(module):
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value


# Ours alone: what Keras has not, or not under this name.
OWN = {
    "layers": {"Parameter", "ParameterVector", "Softmax2D"},
    "callbacks": set(),
    "constraints": set(),
    "losses": {"mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "kld", "KLD"},  # of tf.keras
    "metrics": {"mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "kld", "KLD"},
    "optimizers": {"ParameterVector"},
    "utils": set(),
    "initializers": {"compute_fans"},
    "regularizers": set(),
    "activations": set(),
    "models": {"plain", "dropout", "batch_normalization", "dropout_and_batch_normalization"},
}


@pytest.mark.keras
@pytest.mark.parametrize("module", OWN)
def test_public_names_are_keras_names(keras, module):
    mine, theirs = getattr(tinycnn.keras, module), getattr(keras, module)
    names = {name for name, _ in public(mine)}
    assert names
    assert sorted(name for name in names - OWN[module] if not hasattr(theirs, name)) == []


def signatures(keras):
    for module in OWN:
        for name, mine in public(getattr(tinycnn.keras, module)):
            theirs = getattr(getattr(keras, module), name, None)
            if theirs is not None and inspect.isclass(mine):
                yield f"{module}.{name}", mine.__init__, theirs.__init__
    for method in (
        "compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch", "summary",
        "get_layer", "get_weights", "set_weights", "count_params", "build", "add", "pop",
    ):  # fmt: skip
        yield f"Sequential.{method}", getattr(tinycnn.Sequential, method), getattr(keras.Sequential, method)
    for name in ("to_categorical", "set_random_seed"):
        yield f"utils.{name}", getattr(tinycnn.keras.utils, name), getattr(keras.utils, name)
    mine = tinycnn.keras.preprocessing.image.ImageDataGenerator
    theirs = importlib.import_module("keras.src.legacy.preprocessing.image").ImageDataGenerator
    for method in ("__init__", "fit", "flow", "flow_from_directory", "random_transform", "standardize"):
        yield f"ImageDataGenerator.{method}", getattr(mine, method), getattr(theirs, method)
    for name in ("cifar10", "cifar100", "fashion_mnist"):
        yield f"{name}.load_data", *(getattr(it.datasets, name).load_data for it in (tinycnn.keras, keras))
    yield "mnist.load_data", tinycnn.keras.datasets.mnist.load_data, keras.datasets.mnist.load_data


def parameters(function):
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {n: p for n, p in inspect.signature(function).parameters.items() if p.kind in kinds and n != "self"}


# Where a default is another one on purpose: the argument means the same, and what is left out does the same.
OTHER_DEFAULTS = {
    ("layers.AveragePooling2D", "pool_size"): "required in Keras",
    ("layers.AvgPool2D", "pool_size"): "required in Keras",
    ("callbacks.TensorBoard", "write_graph"): "no graph is written here, so True is an error",
    ("losses.Loss", "name"): "an abstract class",
    ("metrics.Metric", "name"): "an abstract class",
}


# Here the second argument by position is another one than in Keras.
OTHER_PLACES = {
    "metrics.Metric": "the dtype stands before the name there; an abstract class",
    "metrics.BinaryAccuracy": "the same: BinaryAccuracy(name, dtype, threshold) there",
    "models.Sequential": "Sequential(layers, trainable, name) there; nobody passes them by position",
}


@pytest.mark.keras
def test_names_of_saving_are_keras_names(keras):
    names = set(tinycnn.saving.__all__) - {"replacing"}
    assert names
    assert all(hasattr(keras.saving, name) for name in names)


@pytest.mark.keras
def test_arguments_have_keras_defaults_and_order(keras):
    checked, differences = 0, []
    for name, mine, theirs in signatures(keras):
        own, expected = parameters(mine), parameters(theirs)
        shared = [argument for argument in own if argument in expected]
        for argument in shared:
            if (name, argument) in OTHER_DEFAULTS:
                continue
            a, b = own[argument].default, expected[argument].default
            # Keras writes some defaults as lists, numbers for pairs or the same number in another form.
            same = a == b or (isinstance(a, tuple) and (list(a) == b or b == a[0] == a[-1]))
            if not same:
                differences.append(f"{name}: {argument}={a!r}, Keras has {b!r}")
            checked += 1
        # Positional use: what both have comes in the same order, from the first argument on.
        if name in OTHER_PLACES:
            continue
        positional = [n for n, p in own.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        wanted = [n for n, p in expected.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        common = [n for n in positional if n in wanted]
        if common != [n for n in wanted if n in common]:
            differences.append(f"{name}: order {common}, Keras has {[n for n in wanted if n in common]}")
        # A positional argument of ours stands where it stands in Keras, unless all of them may only be named there.
        for place, argument in enumerate(positional):
            if argument in wanted and wanted.index(argument) != place:
                differences.append(f"{name}: {argument} is argument {place}, in Keras {wanted.index(argument)}")
    assert differences == [], "\n".join(differences)
    assert checked > 150


@pytest.mark.keras
def test_string_names_of_keras_are_known(keras):
    for name in ("adam", "sgd", "rmsprop", "adamw", "Adam", "SGD", "RMSprop", "AdamW", "adadelta", "Adagrad", "nadam"):
        assert type(tinycnn.keras.optimizers.get(name)).__name__ == type(keras.optimizers.get(name)).__name__
    for name in (
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        "binary_crossentropy",
        "mse",
        "mae",
        "kld",
    ):
        keras.losses.get(name)
        tinycnn.keras.losses.get(name)
    for name in ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal", "zeros", "ones"):
        assert type(tinycnn.keras.initializers.get(name)).__name__ == type(keras.initializers.get(name)).__name__
    for name in ("l2", "L2"):
        assert tinycnn.keras.regularizers.get(name) is not None
        assert keras.regularizers.get(name) is not None
    for name in ("relu", "softmax", "sigmoid", "tanh", "elu", "leaky_relu", "linear"):
        assert callable(keras.activations.get(name))
        assert tinycnn.keras.activations.get(name) == name
