"""Keras's name for `tinycnn.datasets.cifar100`."""

from tinycnn.datasets.cifar100 import *
from tinycnn.datasets.cifar100 import __all__ as __all__
