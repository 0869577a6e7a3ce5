"""Images on their way into a model: read from files, standardized, changed at random."""

from tinycnn.preprocessing import image

__all__ = ["image"]
