"""Keras's name for what programs ask of its backend."""

from tinycnn.utils import clear_session

__all__ = ["clear_session"]
