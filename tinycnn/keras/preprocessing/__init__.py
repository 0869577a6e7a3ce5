"""Keras's name for `tinycnn.preprocessing`."""

from tinycnn.keras.preprocessing import image

__all__ = ["image"]
