"""Keras's name for `tinycnn.datasets.mnist`."""

from tinycnn.datasets.mnist import *
from tinycnn.datasets.mnist import __all__ as __all__
