"""The same as `tinycnn.keras.preprocessing.image`."""

from tinycnn.keras.preprocessing.image import *
from tinycnn.keras.preprocessing.image import __all__ as __all__
