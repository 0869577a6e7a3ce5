"""Callbacks, which live in ``tinycnn/trainers/callbacks/``."""

from tinycnn.trainers.callbacks import *
from tinycnn.trainers.callbacks import __all__ as __all__
