"""Keras's name for `tinycnn.constraints`."""

from tinycnn.constraints import *
from tinycnn.constraints import __all__ as __all__
