"""Keras's name for `tinycnn.optimizers.schedules`."""

from tinycnn.optimizers.schedules import *
from tinycnn.optimizers.schedules import __all__ as __all__
