"""The lab: look inside your own network. `export` writes a model with the lab's page as one file."""

from tinycnn.lab.export import export

__all__ = ["export"]
