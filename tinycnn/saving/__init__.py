"""Models and weights in files of Keras's formats: each reads the other's.

`archive` writes and reads ``.keras`` files, made of the architecture (`architecture`) and the weights (`weights`);
`legacy_h5` does so with Keras's former format of whole models; `hdf5` reads both without HDF5's C library.
"""

from tinycnn.files import replacing
from tinycnn.saving.archive import load_model, save_model
from tinycnn.saving.weights import load_weights, save_weights

__all__ = ["load_model", "load_weights", "replacing", "save_model", "save_weights"]
