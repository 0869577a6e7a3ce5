"""Keras's name for `tinycnn.optimizers`."""

from tinycnn.optimizers import *
from tinycnn.optimizers import __all__ as __all__
