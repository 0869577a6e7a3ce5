"""The same as `tinycnn.keras.preprocessing`."""

from tinycnn.tensorflow.keras.preprocessing import image

__all__ = ["image"]
