"""The same as `tinycnn.keras.backend`."""

from tinycnn.keras.backend import *
from tinycnn.keras.backend import __all__ as __all__
