"""The same as `tinycnn.keras.optimizers`."""

from tinycnn.keras.optimizers import *
from tinycnn.keras.optimizers import __all__ as __all__
from tinycnn.tensorflow.keras.optimizers import schedules as schedules
