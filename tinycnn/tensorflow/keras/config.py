"""The same as `tinycnn.keras.config`."""

from tinycnn.keras.config import *
from tinycnn.keras.config import __all__ as __all__
