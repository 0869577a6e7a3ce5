"""Keras's name for `tinycnn.activations`."""

from tinycnn.activations import *
from tinycnn.activations import __all__ as __all__
