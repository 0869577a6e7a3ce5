"""Keras's name for `tinycnn.layers`."""

from tinycnn.layers import *
from tinycnn.layers import __all__ as __all__
