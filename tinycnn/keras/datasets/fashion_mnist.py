"""Keras's name for `tinycnn.datasets.fashion_mnist`."""

from tinycnn.datasets.fashion_mnist import *
from tinycnn.datasets.fashion_mnist import __all__ as __all__
