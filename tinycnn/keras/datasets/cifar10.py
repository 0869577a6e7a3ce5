"""Keras's name for `tinycnn.datasets.cifar10`."""

from tinycnn.datasets.cifar10 import *
from tinycnn.datasets.cifar10 import __all__ as __all__
