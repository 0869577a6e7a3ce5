"""Keras's name for `tinycnn.preprocessing.image`."""

from tinycnn.preprocessing.image import *
from tinycnn.preprocessing.image import __all__ as __all__
