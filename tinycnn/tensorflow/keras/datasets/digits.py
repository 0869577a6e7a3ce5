"""The same as `tinycnn.keras.datasets.digits`."""

from tinycnn.keras.datasets.digits import *
from tinycnn.keras.datasets.digits import __all__ as __all__
