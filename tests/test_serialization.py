"""``get_config`` and ``from_config`` of everything a model is made of: round trips, and the same dicts as Keras's."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tinycnn import constraints, initializers, layers, losses, metrics, optimizers, regularizers, serialization
from tinycnn import keras as ours

# By module, class and arguments: the defaults, and every argument at a value that is not the default.
CASES = [
    ("layers", "Activation", {"activation": "tanh", "trainable": False}),
    ("layers", "Add", {}),
    ("layers", "Average", {"trainable": False}),
    ("layers", "AveragePooling2D", {"pool_size": 2}),
    ("layers", "AveragePooling2D", {"pool_size": (3, 2), "strides": (1, 2), "padding": "same", "dtype": "float64"}),
    ("layers", "BatchNormalization", {}),
    (
        "layers",
        "BatchNormalization",
        {
            "axis": -1,
            "momentum": 0.5,
            "epsilon": 0.1,
            "center": False,
            "scale": False,
            "beta_initializer": "ones",
            "gamma_initializer": "zeros",
            "moving_mean_initializer": "ones",
            "moving_variance_initializer": "zeros",
            "trainable": False,
        },
    ),
    ("layers", "Concatenate", {"axis": 2}),
    ("layers", "InputLayer", {"batch_shape": (None, 3, 4), "name": "images"}),
    ("layers", "Maximum", {}),
    ("layers", "Minimum", {}),
    ("layers", "Multiply", {"dtype": "float64"}),
    ("layers", "Subtract", {"name": "difference"}),
    ("layers", "Conv2D", {"filters": 4, "kernel_size": 3}),
    (
        "layers",
        "Conv2D",
        {
            "filters": 4,
            "kernel_size": (2, 3),
            "strides": 2,
            "padding": "same",
            "groups": 2,
            "activation": "relu",
            "use_bias": False,
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_regularizer": None,
            "dtype": "float64",
            "name": "first",
        },
    ),
    ("layers", "Conv2D", {"filters": 4, "kernel_size": 3, "dilation_rate": (2, 1), "data_format": "channels_last"}),
    ("layers", "Conv2DTranspose", {"filters": 4, "kernel_size": 3}),
    (
        "layers",
        "Conv2DTranspose",
        {
            "filters": 4,
            "kernel_size": (2, 3),
            "strides": (3, 2),
            "padding": "same",
            "output_padding": (2, 1),
            "activation": "relu",
            "use_bias": False,
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "kernel_constraint": "max_norm",
            "bias_constraint": "non_neg",
        },
    ),
    ("layers", "Conv2DTranspose", {"filters": 4, "kernel_size": 3, "dilation_rate": (2, 1)}),
    ("layers", "DepthwiseConv2D", {"kernel_size": 3}),
    (
        "layers",
        "DepthwiseConv2D",
        {
            "kernel_size": (2, 3),
            "strides": (1, 2),
            "padding": "same",
            "depth_multiplier": 2,
            "dilation_rate": (2, 1),
            "activation": "relu",
            "use_bias": False,
            "depthwise_initializer": "he_normal",
            "bias_initializer": "ones",
            "depthwise_regularizer": "l2",
            "bias_regularizer": "l1",
            "depthwise_constraint": "max_norm",
            "bias_constraint": "non_neg",
        },
    ),
    ("layers", "CenterCrop", {"height": 4, "width": 5}),
    ("layers", "Cropping2D", {"cropping": 1}),
    ("layers", "Cropping2D", {"cropping": ((1, 0), (2, 3))}),
    ("layers", "Normalization", {}),
    ("layers", "Normalization", {"axis": (1, -1), "mean": [1.0, 2.0], "variance": [3.0, 4.0], "invert": True}),
    ("layers", "RandomBrightness", {"factor": 0.25, "value_range": [0, 1], "seed": 3}),
    ("layers", "RandomContrast", {"factor": (0.25, 0.5), "value_range": (0, 1)}),
    ("layers", "RandomCrop", {"height": 4, "width": 5, "seed": 3}),
    ("layers", "RandomFlip", {}),
    ("layers", "RandomFlip", {"mode": "vertical", "seed": 3}),
    ("layers", "RandomRotation", {"factor": 0.25}),
    ("layers", "RandomRotation", {"factor": (0.25, 0.5), "fill_mode": "constant", "fill_value": 0.5}),
    ("layers", "RandomTranslation", {"height_factor": 0.25, "width_factor": (-0.5, 0.25), "interpolation": "nearest"}),
    ("layers", "RandomZoom", {"height_factor": 0.25}),
    ("layers", "RandomZoom", {"height_factor": (-0.25, 0.5), "width_factor": 0.5, "fill_mode": "wrap", "seed": 3}),
    ("layers", "Rescaling", {"scale": 0.5}),
    ("layers", "Rescaling", {"scale": [0.5, 2.0], "offset": [1.0, -1.0]}),
    ("layers", "Resizing", {"height": 4, "width": 5}),
    ("layers", "Resizing", {"height": 4, "width": 5, "interpolation": "nearest", "crop_to_aspect_ratio": True}),
    ("layers", "Dense", {"units": 7}),
    (
        "layers",
        "Dense",
        {"units": 7, "activation": "softmax", "use_bias": False, "kernel_initializer": "lecun_uniform"},
    ),
    ("layers", "Dropout", {"rate": 0.25}),
    ("layers", "Dropout", {"rate": 0.25, "noise_shape": (None, 1, 1, 3), "seed": 5}),
    ("layers", "AlphaDropout", {"rate": 0.25}),
    ("layers", "AlphaDropout", {"rate": 0.25, "noise_shape": (None, 1, 1, 3), "seed": 5}),
    ("layers", "ELU", {"alpha": 0.5}),
    ("layers", "Flatten", {}),
    ("layers", "GaussianDropout", {"rate": 0.25, "seed": 5}),
    ("layers", "GaussianNoise", {"stddev": 0.25, "seed": 5}),
    ("layers", "GlobalAveragePooling2D", {}),
    ("layers", "GlobalAveragePooling2D", {"keepdims": True}),
    ("layers", "GlobalMaxPooling2D", {"keepdims": True}),
    ("layers", "GroupNormalization", {}),
    ("layers", "GroupNormalization", {"groups": -1, "axis": 3, "epsilon": 0.1, "center": False, "scale": False}),
    ("layers", "LayerNormalization", {}),
    ("layers", "LayerNormalization", {"axis": [1, 2], "beta_initializer": "ones", "gamma_initializer": "zeros"}),
    ("layers", "LeakyReLU", {"negative_slope": 0.125}),
    ("layers", "MaxPooling2D", {}),
    ("layers", "MaxPooling2D", {"pool_size": 3, "strides": 1, "padding": "same"}),
    ("layers", "PReLU", {}),
    ("layers", "PReLU", {"alpha_initializer": "ones", "alpha_constraint": "non_neg", "shared_axes": [1, 2]}),
    ("layers", "ReLU", {}),
    ("layers", "ReLU", {"max_value": 6.0, "negative_slope": 0.25, "threshold": 0.5}),
    ("layers", "Reshape", {"target_shape": (3, -1)}),
    ("layers", "Softmax", {}),
    ("layers", "SeparableConv2D", {"filters": 4, "kernel_size": 3}),
    (
        "layers",
        "SeparableConv2D",
        {
            "filters": 4,
            "kernel_size": (2, 3),
            "strides": (1, 2),
            "padding": "same",
            "dilation_rate": (2, 1),
            "depth_multiplier": 2,
            "activation": "relu",
            "use_bias": False,
            "depthwise_initializer": "he_normal",
            "pointwise_initializer": "he_uniform",
            "bias_initializer": "ones",
            "depthwise_regularizer": "l2",
            "pointwise_regularizer": "l1",
            "bias_regularizer": "l2",
            "depthwise_constraint": "max_norm",
            "pointwise_constraint": "unit_norm",
            "bias_constraint": "non_neg",
        },
    ),
    ("layers", "UpSampling2D", {}),
    ("layers", "UpSampling2D", {"size": (1, 3), "interpolation": "bilinear"}),
    ("layers", "Softmax", {"axis": [1, 2]}),
    ("layers", "SpatialDropout2D", {"rate": 0.25, "seed": 5}),
    ("layers", "UnitNormalization", {}),
    ("layers", "UnitNormalization", {"axis": [1, -1]}),
    ("layers", "ZeroPadding2D", {"padding": (1, 2)}),
    ("layers", "ZeroPadding2D", {"padding": ((1, 0), (2, 3))}),
    ("initializers", "Constant", {"value": 0.5}),
    ("initializers", "Zeros", {}),
    ("initializers", "Ones", {}),
    ("initializers", "RandomNormal", {"mean": 1.0, "stddev": 0.25, "seed": 3}),
    ("initializers", "RandomUniform", {"minval": -1.0, "maxval": 2.0, "seed": 3}),
    ("initializers", "VarianceScaling", {"scale": 3.0, "mode": "fan_avg", "distribution": "uniform", "seed": 3}),
    *[
        ("initializers", name, {"seed": 3})
        for name in ("GlorotUniform", "GlorotNormal", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform")
    ],
    ("constraints", "NonNeg", {}),
    ("constraints", "MaxNorm", {"max_value": 3, "axis": [0, 1, 2]}),
    ("constraints", "UnitNorm", {"axis": 1}),
    ("constraints", "MinMaxNorm", {"min_value": 0.5, "max_value": 2.0, "rate": 0.25}),
    ("regularizers", "L1", {"l1": 0.5}),
    ("regularizers", "L2", {"l2": 0.25}),
    ("regularizers", "L1L2", {"l1": 0.5, "l2": 0.25}),
    ("optimizers", "SGD", {}),
    ("optimizers", "SGD", {"learning_rate": 0.5, "momentum": 0.75, "nesterov": True, "clipnorm": 2.0}),
    ("optimizers", "RMSprop", {"rho": 0.5, "momentum": 0.25, "epsilon": 1e-3, "centered": True, "clipvalue": 2.0}),
    ("optimizers", "Adam", {}),
    ("optimizers", "Adam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-3, "amsgrad": True, "global_clipnorm": 2.0}),
    ("optimizers", "AdamW", {"weight_decay": 0.25}),
    ("optimizers", "Adadelta", {"rho": 0.5, "epsilon": 1e-3}),
    ("optimizers", "Adagrad", {"initial_accumulator_value": 0.25, "epsilon": 1e-3}),
    ("optimizers", "Adamax", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-3}),
    ("optimizers", "Nadam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-3, "clipnorm": 2.0}),
    ("losses", "SparseCategoricalCrossentropy", {"from_logits": True}),
    ("losses", "CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.25}),
    ("losses", "BinaryCrossentropy", {"label_smoothing": 0.5, "name": "mine"}),
    ("losses", "MeanSquaredError", {"reduction": "mean"}),
    ("losses", "SparseCategoricalCrossentropy", {"ignore_class": 255, "reduction": "sum"}),
    ("losses", "MeanAbsoluteError", {"reduction": None}),
    ("losses", "MeanAbsolutePercentageError", {}),
    ("losses", "MeanSquaredLogarithmicError", {}),
    ("losses", "CosineSimilarity", {}),
    ("losses", "Huber", {"delta": 0.5}),
    ("losses", "LogCosh", {"name": "mine"}),
    ("losses", "KLDivergence", {}),
    ("losses", "Poisson", {}),
    ("losses", "Hinge", {}),
    ("losses", "SquaredHinge", {}),
    ("losses", "CategoricalHinge", {}),
    ("metrics", "SparseCategoricalAccuracy", {"name": "mine"}),
    ("metrics", "CategoricalAccuracy", {}),
    ("metrics", "BinaryAccuracy", {"threshold": 0.25}),
    ("metrics", "Mean", {}),
    *[
        ("metrics", name, {})
        for name in (
            *("Accuracy", "BinaryCrossentropy", "CategoricalHinge", "CosineSimilarity", "Hinge", "KLDivergence"),
            *("LogCoshError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError", "Poisson"),
            *("MeanSquaredLogarithmicError", "RootMeanSquaredError", "SquaredHinge"),
        )
    ],
    ("metrics", "CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.25}),
    ("metrics", "SparseCategoricalCrossentropy", {"ignore_class": 3}),
    ("metrics", "TopKCategoricalAccuracy", {"k": 3}),
    ("metrics", "SparseTopKCategoricalAccuracy", {"k": 3}),
    *[
        ("metrics", name, {"thresholds": 0.25, "name": "mine"})
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
    ],
    ("metrics", "Precision", {"thresholds": [0.25, 0.5], "top_k": 2, "name": "mine"}),
    ("metrics", "Recall", {"class_id": 1, "name": "mine"}),
    ("metrics", "AUC", {"num_thresholds": 50, "curve": "PR", "summation_method": "minoring", "name": "mine"}),
]
IDS = [f"{name} {sorted(arguments)}" for _, name, arguments in CASES]


def as_json(config):
    """Lists for tuples, as in a file."""
    return json.loads(json.dumps(config))


@pytest.mark.parametrize(("module", "name", "arguments"), CASES, ids=IDS)
def test_round_trip(module, name, arguments):
    thing = getattr(getattr(ours, module), name)(**arguments)
    config = as_json(thing.get_config())
    other = type(thing).from_config(config)
    assert type(other) is type(thing)
    assert as_json(other.get_config()) == config
    assert arguments.keys() <= config.keys()
    serialized = serialization.serialize(thing)
    assert serialized["module"] == f"keras.{module}"
    assert serialized["class_name"] == name


def test_every_class_has_a_case():
    tables = {
        "layers": {cls.__name__ for cls in layers._CLASSES},
        "initializers": {cls.__name__ for cls in initializers._CLASSES},
        "regularizers": {cls.__name__ for cls in regularizers._TABLE.values()},
        "constraints": {cls.__name__ for cls in constraints._CLASSES},
        "optimizers": {cls.__name__ for cls in optimizers._TABLE.values()},
        "losses": {cls.__name__ for cls in losses._TABLE.values()},
        "metrics": {cls.__name__ for cls in metrics.names._CLASSES} | {"Mean"},
    }
    for module, names in tables.items():
        assert {name for where, name, _ in CASES if where == module} == names


def test_every_layer_can_be_deserialized():
    exported = {value for value in vars(layers).values() if isinstance(value, type) and issubclass(value, layers.Layer)}
    assert set(layers._CLASSES) == exported - {layers.Layer}


def test_a_layer_made_anew_computes_the_same():
    layer = layers.Conv2D(3, 2, activation="tanh", kernel_initializer=initializers.HeNormal(seed=4), name="c")
    other = layers.deserialize(as_json(layers.serialize(layer)))
    assert isinstance(other, layers.Conv2D)
    assert other.name == "c"
    x = np.random.default_rng(1).normal(size=(2, 5, 5, 2))
    np.testing.assert_array_equal(layer(x), other(x))


@pytest.mark.parametrize(
    ("get", "thing"),
    [
        (initializers.get, initializers.RandomNormal(stddev=0.3, seed=1)),
        (regularizers.get, regularizers.L1(0.3)),
        (optimizers.get, optimizers.SGD(0.3, momentum=0.4)),
        (losses.get, losses.CategoricalCrossentropy(label_smoothing=0.3)),
        (lambda config: metrics.get(config, (None,), (None, 3)), metrics.BinaryAccuracy(threshold=0.3)),
    ],
)
def test_get_takes_a_dict(get, thing):
    other = get(as_json(serialization.serialize(thing)))
    assert type(other) is type(thing)
    assert other.get_config() == thing.get_config()


def test_missing_arguments_take_their_defaults():
    assert layers.Dense.from_config({"units": 3}).activation == "linear"
    assert optimizers.Adam.from_config({}).beta_1 == 0.9


def test_a_metrics_dtype_does_not_matter():
    assert metrics.BinaryAccuracy.from_config({"threshold": 0.3, "dtype": "float64"}).threshold == 0.3


# Errors


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: layers.Dense.from_config({"units": 3, "quantization_config": {"class_name": "MaxNorm"}}),
            ValueError,
            "Dense: expected quantization_config=None, received {'class_name': 'MaxNorm'}. tinycnn does not",
        ),
        (
            lambda: layers.BatchNormalization.from_config({"renorm": True}),
            ValueError,
            "BatchNormalization: expected renorm=False, received True.",
        ),
        (
            lambda: layers.Dense.from_config({"units": 3, "an_option_of_tomorrow": "on"}),
            ValueError,
            "Dense: expected an_option_of_tomorrow=None, received 'on'.",
        ),
        (
            lambda: optimizers.Adam.from_config({"use_ema": True}),
            ValueError,
            "Adam: expected use_ema=False, received True.",
        ),
        (
            lambda: layers.Dense.from_config({"units": 3, "use_bias": "yes"}),
            TypeError,
            "Dense: expected use_bias to be True or False, received 'yes'. Use one of the two.",
        ),
        (
            lambda: layers.Dense.from_config({"units": 3, "name": ["a"]}),
            TypeError,
            "Dense: expected name to be a string, received ['a']. Pass for example 'first'.",
        ),
        (
            lambda: layers.Dense.from_config([3]),
            TypeError,
            "Dense: expected a dict of arguments, received [3]. See get_config().",
        ),
        (
            lambda: layers.Dense.from_config({"units": 3, "dtype": {"class_name": "QuantizedDTypePolicy"}}),
            ValueError,
            "Dense: expected dtype 'float32' or 'float64', received {'class_name': 'QuantizedDTypePolicy'}.",
        ),
        (
            lambda: layers.deserialize({"class_name": "Lambda", "config": {}}),
            ValueError,
            "layer: expected one of Activation, Add, AlphaDropout, Average, AveragePooling2D,",
        ),
        (
            lambda: layers.deserialize({"class_name": "Dense", "config": {"units": 3}, "registered_name": "My>Dense"}),
            ValueError,
            "layer: expected Keras's own Dense, received 'My>Dense', a class of somebody's own by that name. "
            "tinycnn runs no code from files",
        ),
        (
            lambda: initializers.get({"class_name": "Zeros"}),
            ValueError,
            "initializer: expected a dict with class_name and config, received {'class_name': 'Zeros'}.",
        ),
        (
            lambda: optimizers.get({"class_name": ["Adam"], "config": {}}),
            ValueError,
            "optimizer: expected a dict with class_name and config, received",
        ),
    ],
)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=re.escape(text)):
        call()


def test_classes_of_ones_own_cannot_be_written():
    class Mine(layers.Dense):
        pass

    assert Mine.from_config(Mine(3).get_config()).units == 3
    text = "Mine: expected a class of tinycnn, received one of your own. A file cannot hold its code: save the weights"
    with pytest.raises(ValueError, match=re.escape(text)):
        serialization.serialize(Mine(3))


# Keras


def same(mine, theirs):
    """Equal but for float32: Keras keeps some settings as float32 variables."""
    if isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in theirs)
    if isinstance(theirs, float):
        return mine in (theirs, pytest.approx(theirs, rel=1e-7))
    return type(mine) is type(theirs) and mine == theirs


# Arguments of constructors that Keras 3.15 does not write: its Huber loss comes back with another delta.
NOT_WRITTEN = {
    "Huber": {"delta"},
    "CosineSimilarity": {"axis"},
    "SparseCategoricalCrossentropy": {"axis"},
}


@pytest.mark.keras
@pytest.mark.parametrize(("module", "name", "arguments"), CASES, ids=IDS)
def test_configs_are_kerass(keras, module, name, arguments):
    arguments = {"name": "one", **arguments} if module in ("layers", "optimizers") else arguments
    mine = serialization.serialize(getattr(getattr(ours, module), name)(**arguments))
    theirs = keras.saving.serialize_keras_object(getattr(getattr(keras, module), name)(**arguments))
    assert type(keras.saving.deserialize_keras_object(as_json(mine))).__name__ == name
    for argument in NOT_WRITTEN.get(name, ()) if module == "losses" else ():
        del mine["config"][argument]
    assert same(as_json(mine), as_json(theirs)), f"\n{mine}\n{theirs}"
    again = keras.saving.serialize_keras_object(keras.saving.deserialize_keras_object(as_json(mine)))
    assert same(as_json(mine), as_json(again))
    cls = getattr(getattr(ours, module), name)
    config = as_json(cls.from_config(as_json(theirs)["config"]).get_config())
    assert {key: config[key] for key in config if key in theirs["config"]} == as_json(theirs)["config"]
    assert config.keys() - theirs["config"].keys() <= NOT_WRITTEN.get(name, set())


@pytest.mark.keras
def test_sequential_configs_are_kerass(keras):
    def model(k):
        la = k.layers
        return k.Sequential(
            [k.Input((6, 6, 1), name="input_layer"), la.Conv2D(2, 3), la.Flatten(), la.Dense(3)], name="m"
        )

    keras.utils.clear_session(free_memory=False)
    mine, theirs = as_json(model(ours).get_config()), as_json(model(keras).get_config())
    for entry in theirs["layers"]:
        entry.pop("build_config", None)
    assert mine == theirs
    again = keras.Sequential.from_config(mine)
    assert [layer.name for layer in again.layers] == ["conv2d", "flatten", "dense"]
    assert ours.Sequential.from_config(theirs).output_shape == again.output_shape == (None, 3)
