"""The same as `tinycnn.keras.regularizers`."""

from tinycnn.keras.regularizers import *
from tinycnn.keras.regularizers import __all__ as __all__
