"""Data to learn from: ``mnist`` (found on disk or downloaded, always verified) and ``digits`` (bundled)."""

from tinycnn.datasets import digits, mnist
from tinycnn.datasets.download import DownloadError

__all__ = ["DownloadError", "digits", "mnist"]
