"""Import a framework, build the model with batch normalization and train on one batch, as a new user's first cell does.

``python -m benchmarks._first_batch tinycnn`` or ``... keras``
"""

from __future__ import annotations

import importlib
import sys

import numpy as np

from benchmarks._models import notebook

keras = importlib.import_module("tinycnn.keras" if sys.argv[1] == "tinycnn" else "keras")
rng = np.random.default_rng(1)
model = notebook(keras, "batch_normalization")
model.fit(rng.random((32, 28, 28, 1), dtype="float32"), rng.integers(0, 10, 32), batch_size=32, verbose=2)
print("first batch done", flush=True)
