"""Record one step of Keras for milestone B of the course: the plain model from given weights, on bundled digits.

    python tests/golden/make_learn.py

It writes tinycnn/learn/units/B_plain_cnn/keras.json. Weights are not stored; both sides draw them from the raw stream
of NumPy's PCG64. Keras computes in float64.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from parity_cases import gradients_of_keras, notebook_model  # noqa: E402

from tinycnn.learn.course import find  # noqa: E402
from tinycnn.learn.training import images  # noqa: E402

UNIT = find("B")


def record() -> dict[str, Any]:
    import keras
    import tensorflow as tf

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    model = notebook_model(keras, "plain")
    model.set_weights(UNIT.check.weights([w.shape for w in model.get_weights()]))
    before = model.get_weights()
    (x, y), _ = images()
    x, y = x[: UNIT.check.BATCH].astype("float64"), y[: UNIT.check.BATCH]
    loss, (_, *gradients) = gradients_of_keras(model, keras.losses.SparseCategoricalCrossentropy(), x, y)
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    step = UNIT.check.figures(loss, gradients, before, model.get_weights())
    return {"versions": f"keras {keras.__version__}, tensorflow {tf.__version__}", "step": step}


if __name__ == "__main__":
    path = UNIT.folder / "keras.json"
    path.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size} bytes")
