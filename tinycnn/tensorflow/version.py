"""The version of TensorFlow whose Keras is reproduced, for programs that ask; tinycnn's is `tinycnn.__version__`."""

__all__ = ["VERSION"]

VERSION = "2.21.0"
