"""tinycnn: a convolutional network framework to read.

Keras's names, hand-written backprop in NumPy, and Numba twins of the hot kernels. Start reading at
``tinycnn/layers/dense.py`` and ``tinycnn/kernels/conv2d.py``.
"""

__version__ = "0.2.0"

from tinycnn import absent, keras, layers
from tinycnn.insight.normalization import fold_batch_normalization, recalibrate_batch_normalization
from tinycnn.kernels import FAST, REFERENCE
from tinycnn.saving import load_model
from tinycnn.saving.onnx import export_onnx
from tinycnn.sequential import Sequential
from tinycnn.utils import set_random_seed

__all__ = [
    "FAST",
    "REFERENCE",
    "Sequential",
    "__version__",
    "export_onnx",
    "fold_batch_normalization",
    "keras",
    "layers",
    "load_model",
    "recalibrate_batch_normalization",
    "set_random_seed",
]

absent.explain(__name__)
