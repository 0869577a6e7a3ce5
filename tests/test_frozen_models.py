"""What is frozen stays as it is, and what an optimizer remembers stays with the parameter it is about."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

from tinycnn import Sequential
from tinycnn.callbacks import LambdaCallback
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.optimizers import SGD, Adam
from tinycnn.saving import load_model
from tinycnn.utils import set_random_seed

RNG = np.random.default_rng(3)
X = RNG.normal(size=(24, 8, 8, 1)).astype("float32")
Y = RNG.integers(0, 3, 24)


def network(seed: int = 1) -> Sequential:
    set_random_seed(seed)
    return Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(4, 3, activation="relu"),
            BatchNormalization(),
            MaxPooling2D(),
            Flatten(),
            Dense(36, activation="relu"),
            Dense(36, activation="relu"),
            Dense(3, activation="softmax"),
        ]
    )


def fitted(model: Sequential, optimizer: Any = None, epochs: int = 1) -> Sequential:
    if optimizer is not None:
        model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return model


def summary(model: Sequential) -> str:
    text: list[str] = []
    model.summary(print_fn=text.append)
    return "".join(text)


@pytest.mark.parametrize("when", ["before compile", "after compile", "after training"])
def test_a_frozen_model_keeps_its_weights(when):
    model = network()
    if when == "before compile":
        model.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    if when == "after training":
        model.fit(X, Y, verbose=0)
    model.trainable = False
    before = model.get_weights()
    with pytest.warns(
        UserWarning, match=r"^fit: 'sequential' has no parameters to train: its layers are frozen, or have"
    ):
        model.fit(X, Y, verbose=0)
    for weight, start in zip(model.get_weights(), before, strict=True):  # moving statistics among them
        np.testing.assert_array_equal(weight, start)
    assert not any(layer.trainable for layer in model.layers)
    assert "Trainable params: 0 (0.00 B)" in summary(model)
    # Batch normalization takes its moving statistics, in training too.
    np.testing.assert_array_equal(model.forward(X, training=True), model.forward(X))


def test_a_model_that_is_thawed_is_trained_again():
    model = network()
    model.trainable = False
    model.compile(SGD(0.1), "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="no parameters to train"):
        model.train_on_batch(X, Y)
    model.trainable = True
    fitted(model)
    set_random_seed(1)
    other = fitted(network(), SGD(0.1))
    for weight, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_in_a_frozen_model_no_layer_is_trained_and_one_may_be_set_apart_as_in_keras():
    model = network()
    model.trainable = False
    model.add(Dense(2))
    assert (model.parameters, model.layers[-1].trainable) == ((), True)
    model.trainable = True
    model.layers[0].trainable = False
    assert model.parameters == tuple(p for layer in model.layers[1:] for p in layer.parameters)


def test_a_file_says_what_is_frozen(tmp_path):
    model = network()
    model.trainable = False
    assert model.get_config()["trainable"] is False
    model.save(tmp_path / "m.keras")
    assert not any(layer.trainable for layer in load_model(tmp_path / "m.keras").layers)


@pytest.mark.parametrize("optimizer", [Adam, SGD])
def test_a_second_model_with_a_used_optimizer_is_an_error_as_in_keras(optimizer):
    used = optimizer(0.01)
    fitted(network(1), used)
    second = network(2)
    second.compile(used, "sparse_categorical_crossentropy")
    before, iterations = second.get_weights(), used.iterations
    text = "expected the parameters of its first step, or some of them, received 10 that it does not know, such as 'ker"
    begun: list[Any] = []
    callback = LambdaCallback(on_train_begin=begun.append)
    for step in (lambda: second.fit(X, Y, verbose=0, callbacks=[callback]), lambda: second.train_on_batch(X, Y)):
        with pytest.raises(ValueError, match=text):
            step()
    assert not begun  # no file of a logger was opened, and nothing moved
    for weight, start in zip(second.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, start)
    assert used.iterations == iterations


def test_layers_unfrozen_or_added_after_the_first_step_need_a_new_optimizer():
    model = network()
    first, second = model.layers[4:6]  # of one shape
    second.trainable = False
    fitted(model, "adam")
    first.trainable, second.trainable = False, True
    with pytest.raises(ValueError, match=r"received 2 that it does not know, such as 'kernel' of shape \(36, 36\)"):
        model.fit(X, Y, verbose=0)
    second.trainable = False  # what is known is enough
    fitted(model)
    for units in (3, 5):  # a head like the old one, and a larger one
        model.pop()
        model.add(Dense(units, activation="softmax"))
        with pytest.raises(
            ValueError, match=rf"received 2 that it does not know, such as 'kernel' of shape \(36, {units}"
        ):
            model.fit(X, Y, verbose=0)
        fitted(model, "adam")


def test_a_new_head_moves_as_with_a_new_optimizer():
    model = fitted(network(), "adam")
    model.pop()
    model.add(Dense(3, activation="softmax"))
    for layer in model.layers[:-1]:
        layer.trainable = False
    optimizer = Adam(0.01)
    fitted(model, optimizer)
    assert optimizer.parameters == model.parameters
    assert optimizer.iterations == 3


def test_freezing_between_trainings_goes_on_with_the_others_slots():
    """The optimizer that saw all layers moves the rest as one that saw only those, given the same slots."""
    model, twin = fitted(network(), "adam"), fitted(network(), "adam")
    for it in (model, twin):
        for layer in it.layers[:5]:
            layer.trainable = False
    old, new = twin.optimizer, Adam()
    slots = {name: np.concatenate([old.slot(name, p).ravel() for p in twin.parameters]) for name in old.slots}
    new.set_state(old.iterations, old.learning_rate, slots, twin.parameters)
    fitted(model)
    fitted(twin, new)
    for weight, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_head_after_pop_starts_from_numbers_of_its_own():
    model = network()
    kernel = model.pop().kernel.value
    model.add(Dense(3, activation="softmax"))
    assert not np.array_equal(model.layers[-1].kernel.value, kernel)
    # The layers before it, and a model built in one go, have the numbers that they always had.
    for mine, theirs in zip(model.layers[:-1], network().layers[:-1], strict=True):
        for weight, expected in zip(mine.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_a_model_built_later_has_numbers_of_its_own_after_pop_too():
    model = Sequential([Dense(4), Dense(4)])
    model.pop()
    model.add(Dense(4))
    set_random_seed(1)
    models = []
    for pops in (0, 1):
        set_random_seed(1)
        it = Sequential([Dense(4), Dense(4)])
        for _ in range(pops):
            it.pop()
            it.add(Dense(4))
        it.build((None, 4))
        models.append(it)
    first, second = (it.get_weights() for it in models)
    np.testing.assert_array_equal(first[0], second[0])
    assert not np.array_equal(first[2], second[2])


def test_build_with_another_shape_than_the_inputs_is_an_error_as_in_keras():
    model = network()
    text = "expected inputs of its shape (None, 8, 8, 1), received (None, 9, 8, 1). Make a new model for another shape."
    with pytest.raises(ValueError, match=re.escape(text)):
        model.build((None, 9, 8, 1))
    model.build((None, 8, 8, 1))
    model.build((32, 8, 8, 1))  # of the batch's size nothing depends


# In files


def trained_with_a_frozen_layer() -> tuple[Sequential, dict[str, list[np.ndarray]]]:
    model = fitted(network(), "adam", epochs=2)
    model.layers[0].trainable = False
    optimizer = model.optimizer
    return model, {name: [optimizer.slot(name, p).copy() for p in model.parameters] for name in optimizer.slots}


@pytest.mark.parametrize("kind", ["model", "weights"])
def test_a_file_holds_the_slots_of_what_is_trainable(tmp_path, kind):
    model, expected = trained_with_a_frozen_layer()
    if kind == "model":
        model.save(tmp_path / "m.keras")
        loaded = load_model(tmp_path / "m.keras")
    else:
        model.save_weights(tmp_path / "m.weights.h5")
        loaded = network(2)
        loaded.layers[0].trainable = False
        loaded.compile("adam", "sparse_categorical_crossentropy")
        loaded.load_weights(tmp_path / "m.weights.h5")
    assert loaded.optimizer.iterations == 6
    for name, slots in expected.items():
        for p, slot in zip(loaded.parameters, slots, strict=True):
            np.testing.assert_array_equal(loaded.optimizer.slot(name, p), slot)
    for weight, other in zip(fitted(loaded).get_weights(), fitted(model).get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_a_file_with_slots_for_other_parameters_leaves_the_optimizer_alone(tmp_path):
    model, _ = trained_with_a_frozen_layer()
    model.save_weights(tmp_path / "m.weights.h5")
    model.layers[0].trainable = True
    slots = {name: slot.copy() for name, slot in model.optimizer.slots.items()}
    with pytest.warns(UserWarning, match="The weights are loaded, the optimizer stays as it was"):
        model.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_equal(model.optimizer.slots, slots)


def test_an_optimizer_that_does_not_know_an_unfrozen_layer_is_saved_as_a_new_one(tmp_path):
    model = network()
    model.layers[0].trainable = False
    fitted(model, "adam")
    model.layers[0].trainable = True
    model.save(tmp_path / "m.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_model(tmp_path / "m.keras")
    assert (loaded.optimizer.iterations, loaded.optimizer.slots) == (0, {})
    fitted(loaded)


@pytest.mark.keras
def test_keras_reads_the_slots_of_what_is_trainable(keras, tmp_path):
    model, expected = trained_with_a_frozen_layer()
    model.save(tmp_path / "m.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theirs = keras.models.load_model(tmp_path / "m.keras")
    n = len(model.parameters)
    stored = [np.asarray(v) for v in theirs.optimizer.variables[2:]]
    for i in range(n):
        np.testing.assert_array_equal(stored[2 * i], expected["momentum"][i])
        np.testing.assert_array_equal(stored[2 * i + 1], expected["velocity"][i])
