"""Keras's name for `tinycnn.initializers`."""

from tinycnn.initializers import *
from tinycnn.initializers import __all__ as __all__
