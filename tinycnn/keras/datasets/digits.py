"""Keras's name for `tinycnn.datasets.digits`."""

from tinycnn.datasets.digits import *
from tinycnn.datasets.digits import __all__ as __all__
