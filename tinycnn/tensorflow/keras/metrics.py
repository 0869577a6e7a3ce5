"""The same as `tinycnn.keras.metrics`."""

from tinycnn.keras.metrics import *
from tinycnn.keras.metrics import __all__ as __all__
