"""The same as `tinycnn.keras.random`."""

from tinycnn.keras.random import *
from tinycnn.keras.random import __all__ as __all__
