"""Keras's name for `tinycnn.callbacks`."""

from tinycnn.callbacks import *
from tinycnn.callbacks import __all__ as __all__
