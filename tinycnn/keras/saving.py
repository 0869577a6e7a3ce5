"""Keras's name for `tinycnn.saving`."""

from tinycnn.saving import *
from tinycnn.saving import __all__ as __all__
