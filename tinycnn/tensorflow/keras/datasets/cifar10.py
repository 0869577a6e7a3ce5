"""The same as `tinycnn.keras.datasets.cifar10`."""

from tinycnn.keras.datasets.cifar10 import *
from tinycnn.keras.datasets.cifar10 import __all__ as __all__
