"""What ``python -m tinycnn.train --bn`` does, done by Keras: MNIST, the notebook's recipe, evaluation, curves.

``python -m benchmarks._keras_train DATA --epochs 1 [--subset N] [--model NAME] [--seed N] [--record FILE]``, where
DATA is a file as ``find_data`` of _sequential_worker.py writes it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from matplotlib import pyplot

from benchmarks._models import NOTEBOOK, notebook

p = argparse.ArgumentParser()
p.add_argument("data")
p.add_argument("--epochs", type=int, default=1)
p.add_argument("--subset", type=int)
p.add_argument("--model", choices=NOTEBOOK, default="batch_normalization")
p.add_argument("--seed", type=int, default=42)
p.add_argument("--record", help="file for the history and the test accuracy")
arguments = p.parse_args()
pyplot.switch_backend("Agg")

with np.load(arguments.data) as file:
    x, y, x_test, y_test = (file[name] for name in ("x", "y", "x_test", "y_test"))
x, y = x[: arguments.subset], y[: arguments.subset]
x, x_test = (images.reshape(-1, 28, 28, 1).astype("float32") / np.float32(255) for images in (x, x_test))
cut = len(x) - max(1, len(x) // 6)
keras.utils.set_random_seed(arguments.seed)
model = notebook(keras, arguments.model)
model.summary()
start = time.perf_counter()
history = model.fit(x[:cut], y[:cut], epochs=arguments.epochs, validation_data=(x[cut:], y[cut:]), verbose=2)
seconds = time.perf_counter() - start
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print("test loss and accuracy:", loss, accuracy)
if arguments.record:
    record = {"history": history.history, "test_loss": loss, "test_accuracy": accuracy, "seconds": seconds}
    Path(arguments.record).write_text(json.dumps(record), encoding="utf-8")
with tempfile.TemporaryDirectory() as folder:
    pyplot.plot(history.history["loss"])
    pyplot.savefig(Path(folder) / "curves.png")
    model.save_weights(Path(folder) / "model.weights.h5")
