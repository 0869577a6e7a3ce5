"""Tutorials on what batch normalization, dropout and backpropagation really do, and the runs behind their figures."""
