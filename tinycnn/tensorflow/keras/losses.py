"""The same as `tinycnn.keras.losses`."""

from tinycnn.keras.losses import *
from tinycnn.keras.losses import __all__ as __all__
