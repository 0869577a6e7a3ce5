"""Objects as dicts of their constructors' arguments and back: Keras's ``get_config``, ``from_config``, ``serialize``.

Whatever has an attribute for each argument of its constructor, under the argument's name, needs no code of its own:
`Configurable` reads the names from the constructor's signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from tinycnn.utils import NoMisspelling, lookup, underflow_is_zero

T = TypeVar("T")
ConfigurableT = TypeVar("ConfigurableT", bound="Configurable")

# What Keras writes besides the arguments that tinycnn has, at the only value that tinycnn knows: "not used". It is
# written into files, since Keras expects it, and another value in a file is an error that names it.
_PLAIN_GAMMA_AND_BETA = {
    "beta_regularizer": None,
    "gamma_regularizer": None,
    "beta_constraint": None,
    "gamma_constraint": None,
}
_NO_BATCH_NORMALIZATION_EXTRAS = {
    **_PLAIN_GAMMA_AND_BETA,
    "synchronized": False,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
_NO_OPTIMIZER_EXTRAS = {
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
_NO_ACTIVITY_REGULARIZER = {"activity_regularizer": None}
_NO_AXES = {"input_axes": None, "output_axes": None}
_CHANNELS_LAST = {"data_format": "channels_last"}

KERAS_ONLY: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"), _NO_ACTIVITY_REGULARIZER),
    "Dense": {"quantization_config": None},
    "BatchNormalization": _NO_BATCH_NORMALIZATION_EXTRAS,
    "LayerNormalization": {**_PLAIN_GAMMA_AND_BETA, "rms_scaling": False},
    "GroupNormalization": _PLAIN_GAMMA_AND_BETA,
    "Resizing": {"pad_to_aspect_ratio": False, "fill_mode": "constant", "fill_value": 0.0, "antialias": False},
    **dict.fromkeys(("RandomContrast", "RandomBrightness"), _CHANNELS_LAST),
    **dict.fromkeys(
        ("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam"), _NO_OPTIMIZER_EXTRAS
    ),
    **dict.fromkeys(
        (
            *("VarianceScaling", "GlorotUniform", "GlorotNormal"),
            *("HeNormal", "HeUniform", "LecunNormal", "LecunUniform"),
        ),
        _NO_AXES,
    ),
    "AUC": {"multi_label": False, "num_labels": None, "label_weights": None},
}


class Configurable(NoMisspelling):
    """Whatever can be made anew from a dict: layers, initializers, regularizers, optimizers, losses, metrics."""

    #: Methods to pass through `tinycnn.utils.underflow_is_zero`.
    computing: ClassVar[tuple[str, ...]] = ()
    #: Set by a base, other than the family's first class, whose arguments its subclasses pass on.
    offers_options: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        for name in cls.computing:
            if name in vars(cls):
                setattr(cls, name, underflow_is_zero(vars(cls)[name]))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an object like this one, by name, with Keras's names and values."""
        config = {name: _plain(getattr(self, name)) for name in _arguments(type(self))}
        return config | KERAS_ONLY.get(type(self).__name__, {})

    @classmethod
    def from_config(cls: type[ConfigurableT], config: Mapping[str, Any]) -> ConfigurableT:
        """An object from the dict of `get_config`, Keras's or ours. Arguments that are missing take their defaults.

        Raises:
            TypeError, ValueError: an option that only Keras has; an argument that the constructor refuses.
        """
        if not isinstance(config, Mapping):
            raise TypeError(f"{cls.__name__}: expected a dict of arguments, received {config!r}. See get_config().")
        known, only = _arguments(cls), KERAS_ONLY.get(cls.__name__, {})
        arguments = {}
        for name, value in config.items():
            if name in known:
                arguments[name] = _checked(cls.__name__, name, value, known[name].default)
            elif value not in (only.get(name), None, False):
                raise ValueError(
                    f"{cls.__name__}: expected {name}={only.get(name)!r}, received {value!r}. tinycnn does not have "
                    "this option: make the model without it."
                )
        return cls(**arguments)


def serialize(thing: Configurable) -> dict[str, Any]:
    """Class and arguments of an object, as Keras writes them to files.

    Raises:
        ValueError: a class that is not tinycnn's: no file could say how it works.
    """
    cls = type(thing)
    package, _, module = cls.__module__.partition(".")
    if package != "tinycnn":
        raise ValueError(
            f"{cls.__name__}: expected a class of tinycnn, received one of your own. A file cannot hold its code: "
            "save the weights alone, by save_weights."
        )
    room = module if module == "optimizers.schedules" else module.split(".")[0]
    return {
        "module": f"keras.{room}",
        "class_name": cls.__name__,
        "config": thing.get_config(),
        "registered_name": None,
    }


def deserialize(kind: str, config: Mapping[str, Any], table: Mapping[str, type[T]]) -> T:
    """The object that a dict as `serialize` makes it stands for. Only classes of ``table`` are ever called.

    Raises:
        TypeError, ValueError: no such dict; a class that is not in the table, or that is registered by somebody.
    """
    class_name, arguments = config.get("class_name"), config.get("config")
    if not isinstance(class_name, str) or not isinstance(arguments, Mapping):
        raise ValueError(f"{kind}: expected a dict with class_name and config, received {config!r}. See get_config().")
    cls = lookup(kind, class_name, {cls.__name__: cls for cls in table.values()})
    if config.get("registered_name") is not None:
        raise ValueError(
            f"{kind}: expected Keras's own {class_name}, received {config['registered_name']!r}, a class of somebody's "
            "own by that name. tinycnn runs no code from files: load the weights alone, by load_weights."
        )
    return cls.from_config(arguments)  # type: ignore[attr-defined]


def identified(kind: str, identifier: Any, family: type[Any], table: Mapping[str, type[T]], example: str) -> T:
    """What an argument means that names one of a ``family``: an object itself, a class, a name, or a dict.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.
    """
    if isinstance(identifier, family):
        return identifier
    if isinstance(identifier, str):
        return lookup(kind, identifier, table)()
    if isinstance(identifier, type) and issubclass(identifier, family):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(kind, identifier, table)
    article = "an" if family.__name__[0] in "AEIOU" else "a"
    raise TypeError(
        f"{kind}: expected a name or {article} {family.__name__}, received {identifier!r}. "
        f"Pass for example {example!r}."
    )


def _arguments(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's arguments by name, those of the family's first class included where they are passed on."""
    parameters = dict(inspect.signature(cls).parameters)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for base in cls.__mro__:
            if base is _family(cls) or vars(base).get("offers_options"):
                parameters |= inspect.signature(base).parameters
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    # The shape of a model's input is written once, for the model.
    shapes = ("input_shape", "input_dim", "batch_input_shape")
    return {name: p for name, p in parameters.items() if p.kind in named and name not in shapes}


def _family(cls: type) -> type:
    """`Layer` for a Dense layer, `Optimizer` for Adam."""
    return next(base for base in cls.__mro__ if Configurable in base.__bases__)


def _plain(value: Any) -> Any:
    if isinstance(value, Configurable):
        return serialize(value)
    if isinstance(value, np.dtype):
        policy = {"name": value.name}
        return {"module": "keras", "class_name": "DTypePolicy", "config": policy, "registered_name": None}
    return value


def _checked(who: str, name: str, value: Any, default: Any) -> Any:
    """The value for the constructor, which knows a dtype by its name; a switch must be True or False."""
    if isinstance(default, bool) and not isinstance(value, bool):
        raise TypeError(f"{who}: expected {name} to be True or False, received {value!r}. Use one of the two.")
    if name == "name" and value is not default and not isinstance(value, str):
        raise TypeError(f"{who}: expected name to be a string, received {value!r}. Pass for example 'first'.")
    if isinstance(value, Mapping) and value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    return value
