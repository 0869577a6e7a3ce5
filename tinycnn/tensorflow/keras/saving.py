"""The same as `tinycnn.keras.saving`."""

from tinycnn.keras.saving import *
from tinycnn.keras.saving import __all__ as __all__
