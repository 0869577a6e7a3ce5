"""The same as `tinycnn.keras.optimizers.schedules`."""

from tinycnn.keras.optimizers.schedules import *
from tinycnn.keras.optimizers.schedules import __all__ as __all__
