"""Keras's name for `tinycnn.utils`."""

from tinycnn.utils import *
from tinycnn.utils import __all__ as __all__
