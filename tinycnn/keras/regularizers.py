"""Keras's name for `tinycnn.regularizers`."""

from tinycnn.regularizers import *
from tinycnn.regularizers import __all__ as __all__
