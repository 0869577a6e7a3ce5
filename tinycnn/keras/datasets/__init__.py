"""Keras's name for `tinycnn.datasets`."""

from tinycnn.keras.datasets import cifar10, cifar100, digits, fashion_mnist, mnist

__all__ = ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist"]
