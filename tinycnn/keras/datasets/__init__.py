"""Keras's name for `tinycnn.datasets`."""

from tinycnn.keras.datasets import digits, mnist

__all__ = ["digits", "mnist"]
