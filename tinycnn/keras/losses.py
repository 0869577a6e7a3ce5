"""Keras's name for `tinycnn.losses`."""

from tinycnn.losses import *
from tinycnn.losses import __all__ as __all__
