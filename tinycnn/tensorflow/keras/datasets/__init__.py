"""The same as `tinycnn.keras.datasets`."""

from tinycnn.tensorflow.keras.datasets import cifar10, cifar100, digits, fashion_mnist, mnist

__all__ = ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist"]
