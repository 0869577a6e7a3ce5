"""The same as `tinycnn.keras.datasets.fashion_mnist`."""

from tinycnn.keras.datasets.fashion_mnist import *
from tinycnn.keras.datasets.fashion_mnist import __all__ as __all__
