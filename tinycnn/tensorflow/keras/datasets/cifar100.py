"""The same as `tinycnn.keras.datasets.cifar100`."""

from tinycnn.keras.datasets.cifar100 import *
from tinycnn.keras.datasets.cifar100 import __all__ as __all__
