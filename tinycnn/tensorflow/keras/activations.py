"""The same as `tinycnn.keras.activations`."""

from tinycnn.keras.activations import *
from tinycnn.keras.activations import __all__ as __all__
