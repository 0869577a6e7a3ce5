"""The same as `tinycnn.keras.initializers`."""

from tinycnn.keras.initializers import *
from tinycnn.keras.initializers import __all__ as __all__
