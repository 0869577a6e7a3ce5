"""The same as `tinycnn.keras.callbacks`."""

from tinycnn.keras.callbacks import *
from tinycnn.keras.callbacks import __all__ as __all__
