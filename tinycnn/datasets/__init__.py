"""Data to learn from: ``mnist``, ``fashion_mnist``, ``cifar10`` and ``cifar100`` (found on disk or downloaded, always
verified) and ``digits`` (bundled)."""

from tinycnn.datasets import cifar10, cifar100, digits, fashion_mnist, mnist
from tinycnn.datasets.download import DownloadError

__all__ = ["DownloadError", "cifar10", "cifar100", "digits", "fashion_mnist", "mnist"]
