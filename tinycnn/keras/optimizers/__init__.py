"""Keras's name for `tinycnn.optimizers`."""

from tinycnn.keras.optimizers import schedules as schedules
from tinycnn.optimizers import *
from tinycnn.optimizers import __all__ as __all__
