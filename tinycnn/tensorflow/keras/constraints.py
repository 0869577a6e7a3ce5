"""The same as `tinycnn.keras.constraints`."""

from tinycnn.keras.constraints import *
from tinycnn.keras.constraints import __all__ as __all__
