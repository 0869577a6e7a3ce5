"""Models and weights in files of Keras's formats: each reads the other's.

`archive` writes and reads ``.keras`` files, made of the architecture (`architecture`) and the weights (`weights`);
`hdf5` reads the weights' format without HDF5's C library.
"""

from tinycnn.files import replacing
from tinycnn.saving.archive import load_model, save_model
from tinycnn.saving.weights import load_weights, save_weights

__all__ = ["load_model", "load_weights", "replacing", "save_model", "save_weights"]
