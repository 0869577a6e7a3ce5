"""What tinycnn has not says so in one sentence, however it is asked for; asking whether it is there goes on working."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys

import pytest

import tinycnn
import tinycnn.tensorflow as tf
from tinycnn.keras import layers

KERAS = "tinycnn has what small convolutional networks need; Keras has the rest, and opens tinycnn's files."
TENSORFLOW = "tinycnn has what Keras programs ask of TensorFlow; for others `import tensorflow` may stay."
TRAINED = "tinycnn has no models that others have trained: load it in Keras."
NO_GRADIENTS = (
    "tinycnn has no automatic differentiation: each layer has a backward(dy) written by hand, and model.fit or "
    "model.train_on_batch takes the steps."
)

# Line, error, module, name and way out of its sentence
LINES = [
    ("tinycnn.keras.layers.LSTM(3)", AttributeError, "tinycnn.keras.layers", "LSTM", KERAS),
    ("from tinycnn.keras.layers import Dense, Embedding", ImportError, "tinycnn.keras.layers", "Embedding", KERAS),
    ("tinycnn.layers.Conv2d(3, 3)", AttributeError, "tinycnn.layers", "Conv2d", "Did you mean 'Conv2D'?"),
    (
        "from tinycnn.keras.layers import BatchNormalisation",
        ImportError,
        "tinycnn.keras.layers",
        "BatchNormalisation",
        f"Did you mean 'BatchNormalization'? If not: {KERAS}",
    ),
    ("tf.keras.optimizers.Lion()", AttributeError, "tinycnn.tensorflow.keras.optimizers", "Lion", KERAS),
    ("from tinycnn.keras import Dense", ImportError, "tinycnn.keras", "Dense", "It is in tinycnn.keras.layers."),
    ("tf.Sequential()", AttributeError, "tinycnn.tensorflow", "Sequential", "It is in tinycnn.tensorflow.keras."),
    ("tf.GradientTape()", AttributeError, "tinycnn.tensorflow", "GradientTape", NO_GRADIENTS),
    ("tf.Variable(3.0)", AttributeError, "tinycnn.tensorflow", "Variable", NO_GRADIENTS),
    ("tf.linalg.norm([1.0])", AttributeError, "tinycnn.tensorflow", "linalg", TENSORFLOW),
    (
        "@tf.function\ndef step(): ...",
        AttributeError,
        "tinycnn.tensorflow",
        "function",
        "Leave the decorator out: every line runs as it stands, and kernels are compiled.",
    ),
    (
        "tf.data.Dataset.from_tensor_slices([1])",
        AttributeError,
        "tinycnn.tensorflow",
        "data",
        "Keep `import tensorflow as tf` beside tinycnn for it: fit, evaluate and predict take its datasets.",
    ),
    ("tf.keras.applications.VGG16()", AttributeError, "tinycnn.tensorflow.keras", "applications", TRAINED),
    ("from tinycnn.keras.applications import VGG16", ModuleNotFoundError, "tinycnn.keras", "applications", TRAINED),
    ("import tinycnn.keras.applications.vgg16", ModuleNotFoundError, "tinycnn.keras", "applications", TRAINED),
    ("from tinycnn.keras import applications", ImportError, "tinycnn.keras", "applications", TRAINED),
    (
        "from tinycnn.keras.datasets import imdb",
        ImportError,
        "tinycnn.keras.datasets",
        "imdb",
        "tinycnn has data sets of images alone: take this one from Keras, whose load_data gives arrays, too.",
    ),
    (
        "import tinycnn as tensorflow\ntensorflow.random.set_seed(1)",
        AttributeError,
        "tinycnn",
        "random",
        "Keras's names are in tinycnn.keras, TensorFlow's in tinycnn.tensorflow.",
    ),
]


@pytest.mark.parametrize(("line", "error", "module", "name", "way_out"), LINES)
def test_a_sentence(line, error, module, name, way_out):
    with pytest.raises((AttributeError, ImportError)) as caught:
        exec(line, {"tinycnn": tinycnn, "tf": tf})
    assert type(caught.value) is error
    assert str(caught.value) == f"{module}: expected one of its names, received {name!r}. {way_out}"


def test_the_terminal_shows_the_sentence_alone():
    program = "from tinycnn import keras\nkeras.layers.Conv2d(3, 3)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    sentence = (
        "AttributeError: tinycnn.keras.layers: expected one of its names, received 'Conv2d'. Did you mean 'Conv2D'?"
    )
    assert done.stderr.splitlines()[-1] == sentence  # Python adds no guess of its own


def test_whether_a_name_is_there_may_be_asked():
    assert not hasattr(layers, "LSTM")
    assert getattr(layers, "LSTM", 3) == 3
    assert not hasattr(layers, "__path__")
    with pytest.raises(ModuleNotFoundError, match=re.escape("received 'applications'.")):
        importlib.util.find_spec("tinycnn.keras.applications")
    assert importlib.util.find_spec("no_such_module_anywhere") is None


def modules() -> list[str]:
    rooms = (tinycnn.keras, tf, tinycnn.layers, tinycnn.losses, tinycnn.metrics, tinycnn.optimizers, tinycnn.datasets)
    inside = [info.name for room in rooms for info in pkgutil.walk_packages(room.__path__, room.__name__ + ".")]
    names = ["tinycnn", *(room.__name__ for room in rooms), *inside]
    names += [f"tinycnn.{name}" for name in ("models", "utils", "callbacks", "activations", "preprocessing.image")]
    return [name for name in names if hasattr(importlib.import_module(name), "__all__")]


def test_every_public_module_answers():
    asked = modules()
    assert len(asked) > 60
    for name in asked:
        with pytest.raises(AttributeError, match=re.escape(f"{name}: expected one of its names, received 'Nothing9'.")):
            importlib.import_module(name).Nothing9  # noqa: B018


def test_a_module_that_is_being_imported_is_pythons_affair(monkeypatch):
    monkeypatch.setitem(sys.modules, "tinycnn.keras.half", sys)
    namespace: dict = {}
    exec("from tinycnn.keras import half", namespace)
    assert namespace["half"] is sys
