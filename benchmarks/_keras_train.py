"""What ``python -m tinycnn.train --bn`` does, done by Keras: MNIST, the notebook's recipe, evaluation, curves.

``python -m benchmarks._keras_train DATA --epochs 1 [--subset N]``, where DATA is a file as ``find_data``
of _sequential_worker.py writes it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib import pyplot

from benchmarks._models import notebook

p = argparse.ArgumentParser()
p.add_argument("data")
p.add_argument("--epochs", type=int, default=1)
p.add_argument("--subset", type=int)
arguments = p.parse_args()
pyplot.switch_backend("Agg")

with np.load(arguments.data) as file:
    x, y, x_test, y_test = (file[name] for name in ("x", "y", "x_test", "y_test"))
x, y = x[: arguments.subset], y[: arguments.subset]
x, x_test = (images.reshape(-1, 28, 28, 1).astype("float32") / np.float32(255) for images in (x, x_test))
cut = len(x) - max(1, len(x) // 6)
model = notebook(keras, "batch_normalization")
model.summary()
history = model.fit(x[:cut], y[:cut], epochs=arguments.epochs, validation_data=(x[cut:], y[cut:]), verbose=2)
print("test loss and accuracy:", model.evaluate(x_test, y_test, verbose=0))
with tempfile.TemporaryDirectory() as folder:
    pyplot.plot(history.history["loss"])
    pyplot.savefig(Path(folder) / "curves.png")
    model.save_weights(Path(folder) / "model.weights.h5")
