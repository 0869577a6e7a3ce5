"""Several Python threads and one model, or two: right results, or a clear error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinycnn import Sequential, models
from tinycnn.callbacks import Callback, LambdaCallback
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.utils import set_random_seed

RNG = np.random.default_rng(8)
X = RNG.random((96, 12, 12, 1), dtype="float32")
Y = RNG.integers(0, 3, 96)


def network(seed: int = 1) -> Sequential:
    set_random_seed(seed)
    model = Sequential(
        [
            Input((12, 12, 1)),
            Conv2D(4, 3, activation="relu"),
            BatchNormalization(),
            MaxPooling2D(),
            Conv2D(4, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class InAnotherThread(Callback):
    """After each batch's forward pass was begun by ``fit``, a whole piece of work in another thread."""

    def __init__(self, work: Callable[[], Any]):
        super().__init__()
        self.work = work
        self.results: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        thread = threading.Thread(target=lambda: self.results.append(self.work()))
        thread.start()
        thread.join()


def test_prediction_between_a_forward_and_its_backward_changes_nothing(monkeypatch):
    """In the middle of a step, after forward and before backward, another thread predicts."""
    expected = network()
    expected.fit(X, Y, epochs=2, verbose=0)
    model = network()
    forward, predictions = model.loss.with_activation, []

    def slow(*arguments: Any) -> Any:
        # The lock of the weights is put aside: whoever comes in between must do no harm even then.
        model._weights_in_use = threading.RLock()
        thread = threading.Thread(target=lambda: predictions.append(model.predict(X[:32], verbose=0)))
        thread.start()
        thread.join()
        return forward(*arguments)

    monkeypatch.setattr(model.loss, "with_activation", slow)
    model.fit(X, Y, epochs=2, verbose=0)
    assert len(predictions) == 6
    for weight, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_predictions_meanwhile_are_those_of_weights_between_two_steps():
    model, done, outputs = network(), threading.Event(), []

    def watch() -> None:
        while not done.is_set():
            outputs.append(model.predict(X[:32], verbose=0))

    allowed = [model.predict(X[:32], verbose=0)]
    after_each = LambdaCallback(on_train_batch_end=lambda batch, logs: allowed.append(model.predict(X[:32], verbose=0)))
    thread = threading.Thread(target=watch)
    thread.start()
    model.fit(X, Y, batch_size=16, epochs=10, verbose=0, callbacks=[after_each])
    done.set()
    thread.join()
    known = {array.tobytes() for array in allowed}
    assert outputs
    assert all(output.tobytes() in known for output in outputs)


@pytest.mark.parametrize("work", ["evaluate", "test_on_batch", "predict"])
@pytest.mark.parametrize("who", ["another thread", "a callback"])
def test_evaluating_in_the_middle_of_an_epoch_leaves_its_figures_alone(work, who):
    expected = network().fit(X, Y, batch_size=16, epochs=2, validation_split=0.5, verbose=0).history
    model = network()
    arguments = (X,) if work == "predict" else (X, Y)
    options = {} if work == "test_on_batch" else {"verbose": 0}
    callback = InAnotherThread(lambda: getattr(model, work)(*arguments, **options))
    if who == "a callback":
        callback.on_train_batch_end = lambda batch, logs=None: callback.results.append(callback.work())  # type: ignore[method-assign]
    history = model.fit(X, Y, batch_size=16, epochs=2, validation_split=0.5, verbose=0, callbacks=[callback]).history
    assert history == expected
    assert len(callback.results) == 6
    assert not np.array_equal(callback.results[0], callback.results[-1])


def test_two_threads_that_evaluate_one_model():
    model = network()
    expected = model.evaluate(X, Y, verbose=0)
    results: list[Any] = []

    class Both(Callback):
        barrier = threading.Barrier(2)

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.barrier.wait()

    threads = [
        threading.Thread(target=lambda: results.append(model.evaluate(X, Y, verbose=0, callbacks=[Both()])))
        for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected, expected]


@pytest.mark.parametrize("who", ["another thread", "a callback"])
def test_a_second_fit_of_one_model_is_refused(who):
    expected = network()
    expected.fit(X, Y, verbose=0)
    model, errors = network(), []

    def fit_too() -> None:
        with pytest.raises(RuntimeError) as caught:
            model.fit(X, Y, epochs=5, verbose=0)
        errors.append(str(caught.value))

    callback = InAnotherThread(fit_too)
    if who == "a callback":
        callback.on_train_batch_end = lambda batch, logs=None: fit_too()  # type: ignore[method-assign]
    model.fit(X, Y, verbose=0, callbacks=[callback])
    text = (
        "fit: expected a model that is not being trained, 'sequential_1' is. Wait until its fit has returned, or train "
    )
    assert errors == [f"{text}a copy: copy.deepcopy(model)."] * 3
    for weight, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    model.fit(X, Y, verbose=0)  # and afterwards it is free again


def test_after_a_fit_that_failed_the_model_is_free():
    model = network()
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda epoch, logs: 1 / 0)])
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("broken", ["loss", "backward"])
def test_a_step_that_breaks_off_has_changed_nothing(broken, monkeypatch):
    """A second Ctrl-C does so in the middle of a step."""
    model = network()
    model.fit(X, Y, verbose=0)
    before = model.get_weights()  # moving statistics among them

    def press(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    if broken == "loss":
        monkeypatch.setattr(model.loss, "with_activation", press)
    else:
        monkeypatch.setattr(model.layers[-1], "backward", press)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0)
    for weight, start in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, start)
    assert all(step.saved is None for step in model._steps[:2])
    assert all(layer._saved is None for layer in model.layers)


def test_two_models_in_two_threads_are_trained_as_one_after_the_other():
    alone = [network(seed) for seed in (1, 2)]
    for model in alone:
        model.fit(X, Y, epochs=5, verbose=0)
    together = [network(seed) for seed in (1, 2)]
    threads = [
        threading.Thread(target=model.fit, args=(X, Y), kwargs={"epochs": 5, "verbose": 0}) for model in together
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, expected in zip(together, alone, strict=True):
        for weight, other in zip(mine.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, other)


def test_the_notebooks_model_predicts_in_two_threads():
    model = models.batch_normalization()
    images = RNG.random((64, 28, 28, 1), dtype="float32")
    expected = model.predict(images, verbose=0)
    outputs: list[Any] = []
    threads = [threading.Thread(target=lambda: outputs.append(model.predict(images, verbose=0))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for output in outputs:
        np.testing.assert_array_equal(output, expected)
