"""The same as `tinycnn.keras.models`."""

from tinycnn.keras.models import *
from tinycnn.keras.models import __all__ as __all__
