"""Seeds, one-hot labels, names."""

import random
import re

import numpy as np
import pytest

from tinycnn import utils


@pytest.fixture(autouse=True)
def _keep_global_state():
    """The global generators and the numbering of names, as they were before the test."""
    states, counts, root = (random.getstate(), np.random.get_state()), utils._name_counts.copy(), utils._root  # noqa: NPY002
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    utils._name_counts.clear()
    utils._name_counts.update(counts)
    utils._root = root


def draw():
    return np.random.default_rng(utils.new_seed_sequence()).integers(0, 2**60, 4).tolist()


def test_a_seed_repeats_every_stream_and_streams_differ():
    utils.set_random_seed(42)
    first = [draw(), draw(), random.random(), np.random.random()]  # noqa: NPY002
    utils.set_random_seed(np.int64(42))
    assert [draw(), draw(), random.random(), np.random.random()] == first  # noqa: NPY002
    assert first[0] != first[1]
    utils.set_random_seed(43)
    assert draw() not in first


def test_streams_do_not_touch_the_global_generators():
    utils.set_random_seed(1)
    before = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    draw()
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # noqa: NPY002


@pytest.mark.parametrize("seed", ["1", 1.0, None, True])
def test_seed_of_the_wrong_type(seed):
    text = f"set_random_seed: expected an integer, received {seed!r}. Pass a number such as 42."
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        utils.set_random_seed(seed)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed):
    text = f"set_random_seed: expected 0 <= seed < 2**32, received {seed}. Pass a smaller number."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        utils.set_random_seed(seed)


@pytest.mark.parametrize("labels", [[2, 0], [[2], [0]], [2.0, 0.0], np.array([2, 0], "uint8")])
def test_to_categorical(labels):
    rows = utils.to_categorical(labels)
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0]])
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(utils.to_categorical(labels, 4), [[0, 0, 1, 0], [1, 0, 0, 0]])


def test_to_categorical_keeps_other_axes():
    labels = np.array([[0, 1], [2, 1], [1, 0]])
    rows = utils.to_categorical(labels)
    assert rows.shape == (3, 2, 3)
    np.testing.assert_array_equal(rows.argmax(axis=-1), labels)
    np.testing.assert_array_equal(rows.sum(axis=-1), 1)
    assert utils.to_categorical([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("labels", "classes", "text"),
    [
        (
            [0.5],
            None,
            "expected whole numbers as labels, received float64 with fractions. Round or cast them first.",
        ),
        (
            [0, 3],
            3,
            "expected labels from 0 to 2, received labels from 0 to 3. Raise num_classes or mend the labels.",
        ),
        (
            [-1, 1],
            None,
            "expected labels from 0 to 1, received labels from -1 to 1. Raise num_classes or mend",
        ),
    ],
)
def test_to_categorical_bad_labels(labels, classes, text):
    with pytest.raises(ValueError, match=f"^to_categorical: {re.escape(text)}"):
        utils.to_categorical(labels, classes)


def test_lookup():
    table = {"relu": 1, "softmax": 2}
    assert utils.lookup("activation", "softmax", table) == 2
    text = "activation: expected one of relu, softmax, received 'sofmax'. Did you mean 'softmax'?"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        utils.lookup("activation", "sofmax", table)
    text = "activation: expected one of relu, softmax, received 'xyz'. Use one of"
    with pytest.raises(ValueError, match=f"^{re.escape(text)} these\\.$"):
        utils.lookup("activation", "xyz", table)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MaxPooling2D", "max_pooling2d"),
        ("Conv2D", "conv2d"),
        ("Dense", "dense"),
        ("BatchNormalization", "batch_normalization"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("ReLU", "re_lu"),
        ("LeakyReLU", "leaky_re_lu"),
    ],
)
def test_snake_case(name, expected):
    assert utils.snake_case(name) == expected


def test_names_are_numbered_until_the_session_is_cleared():
    utils.clear_session()
    assert [utils.unique_name("dense") for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert utils.unique_name("conv2d") == "conv2d"
    utils.clear_session()
    assert utils.unique_name("dense") == "dense"


@pytest.mark.keras
def test_names_and_one_hot_labels_are_keras():
    import keras
    from keras.src.utils.naming import to_snake_case

    for name in (
        "MaxPooling2D",
        "Conv2D",
        "ReLU",
        "LeakyReLU",
        "GlobalAveragePooling2D",
        "InputLayer",
        "Adam",
    ):
        assert utils.snake_case(name) == to_snake_case(name)
    for labels in ([2, 0, 1], [[2], [0]], [[0, 1], [2, 2]]):
        ours, theirs = utils.to_categorical(labels), keras.utils.to_categorical(labels)
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
