"""Tutorials as pairs of a .py and an .ipynb, and the programs that make them; see README.md in this folder."""
