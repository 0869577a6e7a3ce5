"""The same as `tinycnn.keras.layers`."""

from tinycnn.keras.layers import *
from tinycnn.keras.layers import __all__ as __all__
