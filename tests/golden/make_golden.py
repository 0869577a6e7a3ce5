"""Record what Keras computes, for test_golden.py, which then needs no TensorFlow.

    python tests/golden/make_golden.py

It writes keras.npz beside this file: every layer case and every model of parity_cases.py. Inputs, weights and dropout
masks are not stored; both sides draw them from the raw stream of NumPy's PCG64, which is the same in every version.
Everything is computed in float64 and stored rounded to float32; of large arrays a digest is kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np

GOLDEN = Path(__file__).parent / "keras.npz"
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from parity_cases import (  # noqa: E402
    LAYER_CASES,
    MODELS,
    TINY_RUNS,
    digest,
    digit_batches,
    give_masks,
    given_mask_layer,
    gradients_of_keras,
    layer_figures_of_keras,
    notebook_model,
    some_digits,
    start,
    tiny_run,
    train,
)


def record() -> dict[str, Any]:
    import keras
    import tensorflow as tf

    arrays: dict[str, Any] = {
        "versions": np.array([f"keras {keras.__version__}", f"tensorflow {tf.__version__}", f"numpy {np.__version__}"])
    }
    for case in LAYER_CASES:
        for name, figure in layer_figures_of_keras(keras, case, "float64").items():
            arrays[f"layer {case}/{name}"] = figure
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    for name in MODELS:
        model = start(notebook_model(keras, name, given_mask_layer(keras)))
        x, y = some_digits(8)
        give_masks(model, 0, len(x))
        arrays[f"model {name}/y"] = model.predict(x.astype("float64"), verbose=0)
        loss, gradients = gradients_of_keras(
            model, keras.losses.SparseCategoricalCrossentropy(), x.astype("float64"), y
        )
        arrays[f"model {name}/loss"] = np.array(loss)
        for i, gradient in enumerate(gradients):
            arrays[f"model {name}/gradient {i}"] = digest(gradient)
        model = start(notebook_model(keras, name, given_mask_layer(keras)))
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        arrays[f"model {name}/losses"] = np.array(train(model, name, digit_batches(10)))
        for i, weights in enumerate(model.get_weights()):
            arrays[f"model {name}/weights {i}"] = digest(weights)
        x, y = some_digits(70, first=320)
        arrays[f"model {name}/evaluate"] = np.array(model.evaluate(x, y, verbose=0))
    for run in TINY_RUNS:
        losses, model = tiny_run(keras, run)
        arrays[f"run {run}/losses"] = np.array(losses)
        for i, weights in enumerate(model.get_weights()):
            arrays[f"run {run}/weights {i}"] = digest(weights)
    return {name: a.astype("float32") if a.dtype == np.float64 else a for name, a in arrays.items()}


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **record())
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes")
