"""Keras's name for `tinycnn.models`."""

from tinycnn.models import *
from tinycnn.models import __all__ as __all__
