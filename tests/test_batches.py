"""Where batches come from: arrays, generators, lists, datasets and PyDatasets, in which epoch, and beside Keras."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

from tinycnn import Sequential, callbacks, optimizers
from tinycnn import keras as ours
from tinycnn.layers import Dense, Flatten, Input
from tinycnn.utils import PyDataset

Array = np.ndarray
MERGED = "expected class_weight or sample_weight, received both. Multiply the first into the second."


def numbered(k: int, size: int = 2) -> tuple[Array, Array]:
    """A batch whose rows are all k."""
    return np.full((size, 1), k, "float32"), np.full((size, 1), k, "float32")


def generator(n: int, size: int = 2) -> Any:
    return (numbered(k, size) for k in range(n))


class Numbered(PyDataset):
    """n batches by their number; writes down what it is asked for."""

    def __init__(self, n: int):
        super().__init__()
        self.n, self.calls = n, []

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        self.calls.append(i)
        return numbered(i)

    def on_epoch_begin(self) -> None:
        self.calls.append("begin")

    def on_epoch_end(self) -> None:
        self.calls.append("end")


class Stream:
    """Batches that can be read again, of a number that is not known."""

    def __init__(self, n: int, error: type[Exception] = TypeError):
        self.n, self.error = n, error

    def __len__(self) -> int:
        raise self.error("The dataset length is unknown.")

    def __iter__(self) -> Any:
        return iter(generator(self.n))


class Epochs:
    """The labels that a model of either library meets, batch by batch, in each epoch and each validation.

    Every batch passes through a metric, and a callback says when an epoch or a validation begins.
    """

    def __init__(self, k: Any):
        self.seen: list[list[list[int]]] = [[]]

        def record(y_true: Any, y_pred: Any) -> Any:
            self.seen[-1].append(np.asarray(y_true).ravel().astype(int).tolist())
            return np.zeros(len(y_true), "float32") if k is ours else y_pred * 0

        def begin(epoch: Any = None, logs: Any = None) -> None:
            self.seen.append([])

        self.callback = k.callbacks.Callback()
        self.callback.on_epoch_begin = self.callback.on_test_begin = begin
        self.model = k.models.Sequential([k.layers.Input(shape=(1,)), k.layers.Dense(1)])
        self.model.compile(k.optimizers.SGD(0.0), "mse", metrics=[record], run_eagerly=True)

    def fit(self, *data: Any, **options: Any) -> list[list[list[int]]]:
        self.seen[:] = []
        self.model.fit(*data, verbose=0, callbacks=[self.callback], **options)
        return list(self.seen)

    def evaluate(self, *data: Any, **options: Any) -> list[list[int]]:
        self.seen[:] = []
        self.model.evaluate(*data, verbose=0, callbacks=[self.callback], **options)
        return self.seen[-1]


def quietly(function: Any, *data: Any, **options: Any) -> tuple[Any, int]:
    """What it returns, and how often it warned that the data came to its end."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*data, **options)
    ends = [
        str(w.message) for w in caught if "ran out of data" in str(w.message) or "came to its end" in str(w.message)
    ]
    return result, len(ends)


# Epochs of a given number of batches


@pytest.mark.keras
@pytest.mark.parametrize("n", [4, 9, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 10))])
@pytest.mark.parametrize("batch_size", [1, 2, 3, None])
@pytest.mark.parametrize("steps", [None, 1, 2, 4, 7])
def test_epochs_of_arrays_beside_keras(keras, n, batch_size, steps):
    x = np.arange(float(n), dtype="float32").reshape(n, 1)
    options = {"batch_size": batch_size, "steps_per_epoch": steps, "epochs": 4, "shuffle": False}
    expected, own = (quietly(Epochs(k).fit, x, x, **options) for k in (keras, ours))
    assert own == expected


def source_of(kind: str, n: int, keras: Any = None) -> Any:
    if kind == "PyDataset":
        return Numbered(n)
    if kind == "unknown length":
        import tensorflow as tf

        x = np.arange(float(n), dtype="float32").repeat(2).reshape(-1, 1)
        return tf.data.Dataset.from_tensor_slices((x, x)).batch(2).filter(lambda x, y: True)
    return generator(n)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("n", "steps", "epochs"), [(5, 2, 5), (4, 2, 3), (3, 5, 2), (5, 5, 2), (4, 3, 4), (4, None, 2)]
)
@pytest.mark.parametrize("kind", ["PyDataset", "unknown length"])
def test_epochs_of_sources_beside_keras(keras, kind, n, steps, epochs):
    import keras as k

    class Theirs(Numbered, k.utils.PyDataset):
        def __init__(self, n: int):
            k.utils.PyDataset.__init__(self)
            self.n, self.calls = n, []

    options = {"steps_per_epoch": steps, "epochs": epochs, "shuffle": False}
    theirs = Theirs(n) if kind == "PyDataset" else source_of(kind, n)
    (expected, warned), (own, own_warned) = (
        quietly(Epochs(keras).fit, theirs, **options),
        quietly(Epochs(ours).fit, source_of(kind, n), **options),
    )
    if kind == "unknown length":  # Keras meets its end in an epoch without any batch, and without a number
        expected = [epoch for epoch in expected if epoch]
        own = own[: len(expected)]
    assert own == expected
    if kind == "PyDataset":
        assert own_warned == warned


@pytest.mark.keras
@pytest.mark.parametrize("steps", [None, 1, 2, 5])
@pytest.mark.parametrize("kind", ["arrays", "PyDataset", "unknown length", "generator"])
def test_evaluations_of_so_many_steps_beside_keras(keras, kind, steps):
    import keras as k

    class Theirs(Numbered, k.utils.PyDataset):
        def __init__(self, n: int):
            k.utils.PyDataset.__init__(self)
            self.n, self.calls = n, []

    x = np.repeat(np.arange(3.0, dtype="float32"), 2).reshape(-1, 1)
    results = []
    for library in (keras, ours):
        if kind == "arrays":
            data: Any = x, x
        else:
            data = (Theirs(3) if kind == "PyDataset" and library is keras else source_of(kind, 3),)
        options = {"batch_size": 2} if kind == "arrays" else {}
        seen, warned = quietly(Epochs(library).evaluate, *data, steps=steps, **options)
        # Keras warns at the end of whatever has no length, here only where more was asked for than there is.
        results.append((seen, warned if steps or kind in ("arrays", "PyDataset") else 0))
    assert results[1] == results[0]


@pytest.mark.keras
def test_validations_of_so_many_steps_beside_keras(keras):
    x = np.arange(6.0, dtype="float32").reshape(6, 1)
    for steps in (None, 1, 2, 5):
        options = {
            "batch_size": 6, "epochs": 3, "shuffle": False, "validation_data": (x, x), "validation_batch_size": 2,
            "validation_steps": steps,
        }  # fmt: skip
        expected, own = (quietly(Epochs(k).fit, x, x, **options) for k in (keras, ours))
        assert own == expected


def test_an_epoch_ends_with_the_data_and_a_warning():
    x = np.arange(6.0).reshape(6, 1)
    epochs = Epochs(ours)
    with pytest.warns(
        UserWarning, match=r"^fit: expected 2 batches in an epoch, received 1: the data came to its end"
    ) as w:
        seen = epochs.fit(x, x, batch_size=2, steps_per_epoch=2, epochs=3, shuffle=False)
    assert seen == [[[0, 1], [2, 3]], [[4, 5]], [[0, 1], [2, 3]]]
    assert "and the epoch with it. Lower steps_per_epoch, or let the generator run on." in str(w[0].message)
    assert len(w) == 1


def test_the_figures_of_an_epoch_that_ends_early_are_those_of_its_samples():
    x, y = np.zeros((5, 1)), np.array([1.0, 2, 3, 4, 5])
    model = Sequential([Input(shape=(1,)), Dense(1)], dtype="float64")
    model.compile(optimizers.SGD(0.0), "mse")
    with pytest.warns(UserWarning, match="came to its end"):
        history = model.fit(x, y, batch_size=2, steps_per_epoch=2, epochs=3, shuffle=False, verbose=0)
    assert history.history["loss"] == [(1 + 4 + 9 + 16) / 4, 25.0, (1 + 4 + 9 + 16) / 4]
    assert history.epoch == [0, 1, 2]


@pytest.mark.parametrize("merges", [True, False])
def test_more_steps_than_data_in_evaluate_and_predict(merges):
    x = np.arange(6.0).reshape(6, 1)
    model = Sequential([Input(shape=(1,)), Dense(1)])
    model.compile("sgd", "mse", metrics=None if merges else [lambda y_true, y_pred: y_pred])
    whole = model.evaluate(x, x, verbose=0)
    with pytest.warns(UserWarning, match=r"^evaluate: expected 4 batches in an epoch, received 3: .* Lower steps, or"):
        assert model.evaluate(x, x, batch_size=2, steps=4, verbose=0) == pytest.approx(whole, rel=1e-6)
    with pytest.warns(UserWarning, match=r"^predict: expected 4 batches in an epoch, received 3: "):
        assert model.predict(x, batch_size=2, steps=4, verbose=0).shape == (6, 1)
    with pytest.warns(UserWarning, match=r"^fit: validation_data: expected 4 batches .* Lower validation_steps, or"):
        model.fit(x, x, validation_data=(x, x), validation_batch_size=2, validation_steps=4, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.evaluate(x, x, batch_size=2, steps=3, verbose=0)
        model.predict(x, batch_size=2, steps=2, verbose=0)


def test_the_same_order_of_batches_after_an_interruption(tmp_path):
    """BackupAndRestore with steps_per_epoch of the whole set: the shuffling goes on where it was."""
    x = np.arange(12.0).reshape(12, 1)
    options = {"batch_size": 4, "steps_per_epoch": 3, "epochs": 4}

    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyError("the end of this process")

    runs = []
    for stops in (False, True):
        ours.utils.set_random_seed(3)
        epochs, folder = Epochs(ours), tmp_path / str(stops)
        backup = callbacks.BackupAndRestore(folder)
        if stops:
            with pytest.raises(KeyError):
                epochs.model.fit(x, x, callbacks=[backup, Stop()], verbose=0, **options)
        epochs.seen[:] = []
        epochs.model.fit(x, x, callbacks=[epochs.callback, backup], verbose=0, **options)
        runs.append(epochs.seen[-2:])
    assert runs[0] == runs[1]


# Generators


def test_a_generator_reads_not_one_batch_too_many():
    batches = generator(5)
    epochs = Epochs(ours)
    assert epochs.fit(batches, steps_per_epoch=2) == [[[0, 0], [1, 1]]]
    assert epochs.fit(batches, steps_per_epoch=2) == [[[2, 2], [3, 3]]]
    assert next(batches)[0][0] == 4


def test_a_generator_that_ends_in_an_epoch_ends_it_and_then_there_is_nothing_left():
    epochs = Epochs(ours)
    with pytest.warns(UserWarning, match="fit: expected 2 batches in an epoch, received 1"):
        assert epochs.fit(generator(3), steps_per_epoch=2, epochs=2) == [[[0, 0], [1, 1]], [[2, 2]]]
    with pytest.raises(
        ValueError,
        match=r"^fit: expected at least one batch in an epoch, received none: the source has come to its end\. "
        r"Pass steps_per_epoch that it can fill in every epoch, or batches that can be read again: arrays, a list, a "
        r"keras\.utils\.PyDataset\.$",
    ):
        epochs.fit(generator(2), steps_per_epoch=2, epochs=2)


@pytest.mark.parametrize(
    ("options", "epochs"),
    [({"epochs": 3}, 3), ({"epochs": 7, "initial_epoch": 2}, 5)],
)
def test_a_generator_for_several_epochs_is_refused_before_anything_is_trained(options, epochs):
    run = Epochs(ours)
    batches = generator(4)
    with pytest.raises(
        ValueError,
        match=rf"^fit: expected batches for {epochs} epochs, received a generator, which the first one would use up\. "
        r"Pass steps_per_epoch with a generator that runs on, or what can be read again: arrays, a list, a "
        r"keras\.utils\.PyDataset\.$",
    ):
        run.fit(batches, **options)
    assert run.model.optimizer.iterations == 0
    assert next(batches)[0][0] == 0


def test_a_generator_for_several_validations_is_refused_before_anything_is_trained():
    x = np.ones((4, 1))
    run = Epochs(ours)
    with pytest.raises(
        ValueError,
        match=r"^fit: validation_data: expected batches for 2 epochs, received a generator.*Pass validation_steps with",
    ):
        run.fit(x, x, epochs=2, validation_data=generator(3))
    assert run.model.optimizer.iterations == 0
    assert run.fit(x, x, epochs=3, validation_freq=2, validation_data=generator(2))[2] == [[0, 0], [1, 1]]
    seen = run.fit(x, x, epochs=2, validation_data=generator(9), validation_steps=2)
    assert seen[1::2] == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]  # it goes on


def test_an_endless_iterator_that_knows_its_length_has_epochs_of_that_length():
    class Endless:
        k = -1

        def __len__(self) -> int:
            return 2

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> tuple[Array, Array]:
            self.k += 1
            return numbered(self.k)

    assert Epochs(ours).fit(Endless(), epochs=2) == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]


# What can be read again, and what is read by number


@pytest.mark.parametrize("error", [TypeError, NotImplementedError])
def test_a_source_of_unknown_length_is_read_to_its_end(error):
    x = np.ones((4, 1))
    epochs = Epochs(ours)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert epochs.fit(Stream(3, error), epochs=2) == [[[0, 0], [1, 1], [2, 2]]] * 2
        assert epochs.evaluate(Stream(2, error)) == [[0, 0], [1, 1]]
        assert epochs.fit(x, x, epochs=2, validation_data=Stream(2, error))[1::2] == [[[0, 0], [1, 1]]] * 2
        assert epochs.fit(Stream(4, error), epochs=3, steps_per_epoch=2) == [
            [[0, 0], [1, 1]],
            [[2, 2], [3, 3]],
            [[0, 0], [1, 1]],
        ]
        assert epochs.model.predict(Stream(3, error), verbose=0).shape == (6, 1)


@pytest.mark.parametrize("bare", [False, True])
def test_a_pydataset_is_read_by_number_and_told_of_its_epochs(bare):
    """Keras's class, or any object with its methods; slices past the end would go on for ever."""

    class Bare:
        def __init__(self, n: int):
            self.n, self.calls = n, []

        __len__, __getitem__ = Numbered.__len__, Numbered.__getitem__
        on_epoch_begin, on_epoch_end = Numbered.on_epoch_begin, Numbered.on_epoch_end

    make: Any = Bare if bare else Numbered
    epochs, data = Epochs(ours), make(3)
    assert epochs.fit(data, epochs=2, shuffle=False) == [[[0, 0], [1, 1], [2, 2]]] * 2
    assert data.calls == ["begin", 0, 1, 2, "end"] * 2
    data = make(2)
    assert epochs.evaluate(data) == [[0, 0], [1, 1]]
    assert data.calls == ["begin", 0, 1, "end"]
    x, data = np.ones((4, 1)), make(2)
    assert epochs.fit(x, x, epochs=2, validation_data=data)[1::2] == [[[0, 0], [1, 1]]] * 2
    assert data.calls == ["begin", 0, 1, "end"] * 2
    data = make(3)
    assert epochs.model.predict(data, verbose=0).shape == (6, 1)
    assert data.calls == ["begin", 0, 1, 2, "end"]
    data = make(3)
    epochs.fit(data, epochs=4, steps_per_epoch=1, shuffle=False)
    assert data.calls == ["begin", 0, "end", "begin", 1, "end", "begin", 2, "end", "begin", 0, "end"]


def test_the_batches_of_a_pydataset_are_shuffled_anew_in_each_epoch_and_repeatably():
    runs = []
    for _ in range(2):
        ours.utils.set_random_seed(5)
        runs.append([[batch[0] for batch in epoch] for epoch in Epochs(ours).fit(Numbered(20), epochs=2)])
    assert runs[0] == runs[1]
    first, second = runs[0]
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first != sorted(first)


def test_on_epoch_end_may_change_the_data():
    class Growing(Numbered):
        def on_epoch_end(self) -> None:
            self.n += 1

    assert [len(epoch) for epoch in Epochs(ours).fit(Growing(1), epochs=3)] == [1, 2, 3]


def test_on_epoch_end_comes_before_the_validation():
    class Told(Numbered):
        def on_epoch_end(self) -> None:
            epochs.seen.append(["end"])

    x, epochs = np.ones((2, 1)), Epochs(ours)
    assert epochs.fit(Told(1), validation_data=(x, x)) == [[[0, 0]], ["end"], [[1, 1]]]


def test_a_pydataset_without_end():
    class Endless(PyDataset):
        num_batches = None

        def __getitem__(self, i: int) -> tuple[Array, Array]:
            return numbered(i)

    epochs = Epochs(ours)
    assert epochs.fit(Endless(), steps_per_epoch=2, epochs=2) == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]
    with pytest.raises(
        ValueError,
        match=r"^fit: expected steps_per_epoch with a source whose num_batches is None, received None\. It has no end: "
        r"say how many batches to take\.$",
    ):
        epochs.fit(Endless())
    assert epochs.model.predict(Endless(), steps=3, verbose=0).shape == (6, 1)
    assert [batch[0][0, 0] for batch, _ in zip(Endless(), range(3), strict=False)] == [0, 1, 2]


def test_pydatasets_own_errors_and_names():
    assert ours.utils.PyDataset is ours.utils.Sequence is PyDataset
    assert [batch[0][0, 0] for batch in Numbered(3)] == [0, 1, 2]
    assert PyDataset(workers=2, use_multiprocessing=True, max_queue_size=3).workers == 2
    empty = PyDataset()
    with pytest.raises(NotImplementedError, match=r"^PyDataset: expected a method __getitem__, found none\. Define it"):
        empty[0]
    with pytest.raises(
        NotImplementedError,
        match=r"^PyDataset: expected a method __len__ or a property num_batches, found neither\. Define __len__",
    ):
        iter(empty)


@pytest.mark.keras
def test_keras_own_pydataset_and_tensors_train_as_ours(keras):
    import tensorflow as tf

    class Theirs(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> Any:
            x, y = numbered(i)
            return tf.constant(x), tf.constant(y)

    epochs = Epochs(ours)
    assert epochs.fit(Theirs(), shuffle=False) == [[[0, 0], [1, 1], [2, 2]]]
    assert epochs.model.predict(Theirs(), verbose=0).shape == (6, 1)


@pytest.mark.parametrize(
    ("how", "options"),
    [("fit", {"epochs": 2}), ("evaluate", {}), ("predict", {})],
)
def test_nothing_is_read_whole_into_memory(how, options):
    """40 batches of 4 MB, of which one or two are held at a time; numbers past the end are no error."""

    class Large:
        def __len__(self) -> int:
            return 40

        def __getitem__(self, i: int) -> Any:
            return np.zeros((1, 2**20), "float32"), np.zeros((1, 1))

    model = Sequential([Input(shape=(2**20,)), Dense(1, use_bias=False)])
    model.compile(optimizers.SGD(0.0), "mse", kernels="reference")
    model.predict(np.zeros((1, 2**20)), verbose=0)
    tracemalloc.start()
    getattr(model, how)(Large(), verbose=0, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


# predict


@pytest.mark.parametrize("form", ["x", "(x,)", "[x]", "(x, y)", "[x, y]", "(x, y, w)"])
def test_predict_takes_x_of_a_batch(form):
    x, y, w = np.arange(6.0).reshape(6, 1), np.zeros(2), np.ones(2)
    model = Sequential([Input(shape=(1,)), Dense(3)])
    forms = {
        "x": lambda x: x, "(x,)": lambda x: (x,), "[x]": lambda x: [x], "(x, y)": lambda x: (x, y),
        "[x, y]": lambda x: [x, y], "(x, y, w)": lambda x: (x, y, w),
    }  # fmt: skip
    parts = [forms[form](x[k : k + 2]) for k in (0, 2, 4)]
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(iter(parts), verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(iter(parts), steps=2, verbose=0), expected[:4], rtol=1e-6)


def test_predict_builds_a_deferred_model_and_refuses_other_batches():
    model = Sequential([Flatten(), Dense(2)])
    assert model.predict(iter([np.zeros((2, 3, 3)), np.ones((1, 3, 3))]), verbose=0).shape == (3, 2)
    with pytest.raises(
        ValueError,
        match=r"^predict: expected batches x, \(x,\), \(x, y\) or \(x, y, sample_weight\), received a tuple of 4\. ",
    ):
        model.predict(iter([(1, 2, 3, 4)]), verbose=0)
    with pytest.raises(ValueError, match=r"^predict: expected at least one batch in an epoch, received none"):
        model.predict(iter([]), verbose=0)
    assert Sequential([Dense(2)]).predict([(0.0, 1.0), (2.0, 3.0)], verbose=0).shape == (2, 2)  # rows of numbers


# Arguments that exclude each other


def test_class_weight_beside_weights_of_a_source(rng):
    x, y = rng.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2])
    model = Sequential([Input(shape=(3,)), Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    for data in (iter([(x, y, np.ones(6))]), [(x, y, np.ones(6))]):
        with pytest.raises(ValueError, match=f"^fit: {MERGED}$"):
            model.fit(data, class_weight={0: 2.0}, verbose=0)
    with pytest.raises(ValueError, match=f"^train_on_batch: {MERGED}$"):
        model.train_on_batch(x, y, sample_weight=np.ones(6), class_weight={0: 2.0})
    for array, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, other)
    losses = [model.fit([(x, y)], class_weight=w, verbose=0).history["loss"][0] for w in (None, {0: 50.0})]
    assert losses[1] > 2 * losses[0]


def test_what_a_source_must_hold_itself():
    x = np.ones((2, 1))
    model = Epochs(ours).model
    for given, names in (
        ({"y": x}, "y"),
        ({"sample_weight": np.ones(2)}, "sample_weight"),
        ({"y": x, "sample_weight": np.ones(2)}, "y and sample_weight"),
    ):
        for call in (model.fit, model.evaluate):
            with pytest.raises(
                ValueError,
                match=rf"^{call.__name__}: expected a generator x alone, received {names} with it\. Yield tuples "
                r"\(x, y\) or \(x, y, sample_weight\)\.$",
            ):
                call(generator(2), verbose=0, **given)
    # As in Keras: validation_data goes before validation_split, and batch_size is for arrays.
    history = model.fit(
        Numbered(2), validation_split=0.5, validation_data=(x, x), batch_size=7, validation_freq=1, verbose=0
    )
    assert "val_loss" in history.history


@pytest.mark.parametrize("shuffle", ["batch", None, 2])
def test_shuffle_is_yes_or_no(shuffle):
    x = np.ones((2, 1))
    with pytest.raises(
        ValueError, match=rf"^fit: expected shuffle to be True or False, received {shuffle!r}\. True sh"
    ):
        Epochs(ours).fit(x, x, shuffle=shuffle)


@pytest.mark.parametrize("initial_epoch", [-1, 0.5, "1", None])
def test_initial_epoch_is_a_whole_number(initial_epoch):
    x = np.ones((2, 1))
    with pytest.raises(
        ValueError, match=rf"^fit: expected initial_epoch to be 0 or more, received {initial_epoch!r}\. Use 0\.$"
    ):
        Epochs(ours).fit(x, x, initial_epoch=initial_epoch)
