"""Random chains of layers survive the way into a file and back, and through their configs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from random_models import Chain, build, chains, fill, some_input

import tinycnn
from tinycnn import Sequential


@settings(max_examples=60, deadline=None)
@given(chains())
def test_files_and_configs_give_the_same_model(tmp_path_factory, chain: Chain):
    model = fill(build(tinycnn.keras, chain, dtype="float64"))
    path = tmp_path_factory.mktemp("random") / "model.keras"
    model.save(path)
    loaded = tinycnn.load_model(path)
    x = some_input(chain)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.get_config() == model.get_config()
    copy = Sequential.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
    # Gradients too: what a config forgets may show only in backward.
    dy = np.random.default_rng(1).normal(size=model.forward(x).shape)
    for other in (model, loaded):
        other.forward(x, training=True)
        other.backward(dy)
    for a, b in zip(model.parameters, loaded.parameters, strict=True):
        np.testing.assert_array_equal(a.grad, b.grad)
