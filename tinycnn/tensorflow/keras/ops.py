"""The same as `tinycnn.keras.ops`."""

from tinycnn.keras.ops import *
from tinycnn.keras.ops import __all__ as __all__
