"""The same as `tinycnn.keras.datasets.mnist`."""

from tinycnn.keras.datasets.mnist import *
from tinycnn.keras.datasets.mnist import __all__ as __all__
