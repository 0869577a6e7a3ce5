"""The same as `tinycnn.keras.utils`."""

from tinycnn.keras.utils import *
from tinycnn.keras.utils import __all__ as __all__
