"""Keras's name for `tinycnn.metrics`."""

from tinycnn.metrics import *
from tinycnn.metrics import __all__ as __all__
