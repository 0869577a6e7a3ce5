"""TensorBoard: what is in the event files, read back by record and by TensorBoard's own reader, and beside Keras's."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest

from tinycnn import Sequential, callbacks, utils
from tinycnn.callbacks import TensorBoard
from tinycnn.layers import BatchNormalization, Dense, Input
from tinycnn.optimizers import SGD

pytest.importorskip("tensorboardX")

RNG = np.random.default_rng(8)
X = RNG.normal(size=(40, 5)).astype("float32")
Y = RNG.integers(0, 3, 40)


def train(callback, epochs=3, model=None):
    if model is None:
        utils.clear_session()
        model = Sequential([Input((5,)), Dense(4), BatchNormalization(), Dense(3, activation="softmax")])
        model.compile(SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"], kernels="reference")
    options = {"epochs": epochs, "batch_size": 8, "shuffle": False, "verbose": 0}
    return model, model.fit(X[:32], Y[:32], validation_data=(X[32:], Y[32:]), callbacks=[callback], **options)


def events(folder):
    """All events of a folder: each record is a length, its check sum, that many bytes, their check sum."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def scalars(folder):
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def assert_pairs(found, steps, values):
    assert [step for step, _ in found] == list(steps)
    np.testing.assert_allclose([value for _, value in found], values, rtol=1e-6)


def test_figures_of_epochs(tmp_path):
    _, history = train(TensorBoard(tmp_path))
    training, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    assert training.keys() == {"epoch_accuracy", "epoch_loss", "epoch_learning_rate"}
    names = {"epoch_loss", "epoch_accuracy", "evaluation_loss_vs_iterations", "evaluation_accuracy_vs_iterations"}
    assert validation.keys() == names
    for name in ("accuracy", "loss"):
        assert_pairs(training[f"epoch_{name}"], range(3), history.history[name])
        assert_pairs(validation[f"epoch_{name}"], range(3), history.history[f"val_{name}"])
        assert_pairs(validation[f"evaluation_{name}_vs_iterations"], (4, 8, 12), history.history[f"val_{name}"])
    assert_pairs(training["epoch_learning_rate"], range(3), [0.1] * 3)
    assert not TensorBoard(tmp_path).wants_batches


def test_figures_of_batches_and_speed(tmp_path):
    losses = []

    class Recorder(TensorBoard):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            losses.append(logs["loss"])

    train(Recorder(tmp_path, update_freq=3, write_steps_per_second=True))
    found = scalars(tmp_path / "train")
    assert_pairs(found["batch_loss"], (3, 6, 9, 12), losses[2::3])
    assert [step for step, _ in found["batch_steps_per_second"]] == [3, 6, 9, 12]
    assert all(1 < value < 1e6 for name in ("batch", "epoch") for _, value in found[f"{name}_steps_per_second"])
    train(TensorBoard(tmp_path / "every", update_freq="batch"))
    assert [step for step, _ in scalars(tmp_path / "every" / "train")["batch_accuracy"]] == list(range(1, 13))


def test_histograms(tmp_path):
    model, _ = train(TensorBoard(tmp_path, histogram_freq=2))
    last = {}
    steps = {}
    for event in events(tmp_path / "train"):
        for value in event.summary.value:
            if value.HasField("histo"):
                last[value.tag] = value.histo
                steps.setdefault(value.tag, []).append(event.step)
    expected = {
        f"sequential/{layer.name}/{name}/histogram": w
        for layer in model.layers
        for name, w in layer.named_weights.items()
    }
    assert last.keys() == expected.keys()
    assert len(expected) == 8
    for tag, values in expected.items():
        histogram = last[tag]
        assert steps[tag] == [0, 2]
        assert histogram.num == values.size == sum(histogram.bucket)
        np.testing.assert_allclose([histogram.min, histogram.max], [values.min(), values.max()], rtol=1e-6)
        np.testing.assert_allclose([histogram.sum], [values.sum(dtype="float64")], rtol=1e-6, atol=1e-9)


def test_what_was_written_before_a_crash_is_there(tmp_path):
    class CrashError(Exception):
        pass

    def crash(epoch, logs):
        if epoch == 2:
            raise CrashError

    board = TensorBoard(tmp_path)
    with pytest.raises(CrashError):
        train([board, callbacks.LambdaCallback(on_epoch_begin=crash)])
    assert [step for step, _ in scalars(tmp_path / "train")["epoch_loss"]] == [0, 1]
    train(board)  # the same object again writes files of its own
    assert [step for step, _ in scalars(tmp_path / "train")["epoch_loss"]] == [0, 1, 0, 1, 2]
    assert len(list((tmp_path / "train").iterdir())) == 2


def test_evaluate_alone(tmp_path):
    model, _ = train(TensorBoard(tmp_path / "fit"))
    loss, accuracy = model.evaluate(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path / "evaluate")])
    found = scalars(tmp_path / "evaluate" / "validation")
    assert_pairs(found["evaluation_loss_vs_iterations"], [12], [loss])
    assert_pairs(found["evaluation_accuracy_vs_iterations"], [12], [accuracy])


def test_the_count_of_batches_goes_on_after_an_interruption(tmp_path):
    board = TensorBoard(tmp_path, update_freq=3)
    train(board, epochs=2)
    assert board.get_state() == {"_batches": 8}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"write_graph": True}, "received write_graph=True. Leave out what tinycnn does not support."),
        ({"profile_batch": (1, 2), "write_images": True}, r"received write_images=True, profile_batch=(1, 2). Leave"),
        ({"embeddings_freq": 1}, "received embeddings_freq=1"),
        ({"update_freq": 0}, "TensorBoard: expected update_freq to be 'epoch' or a positive number of batches"),
    ],
)
def test_bad_arguments(options, text):
    with pytest.raises(ValueError, match=r"^TensorBoard: expected ") as error:
        TensorBoard(**options)
    assert text in str(error.value)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"^TensorBoard: expected the package tensorboardX, found none\. Inst"):
        TensorBoard()


def read_back(folder):
    """What TensorBoard's own reader finds: values by tag and step. Keras writes tensors, tinycnn plain scalars."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    found = {}
    reader = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0, "histograms": 0})
    reader.Reload()
    tags = reader.Tags()
    for tag in tags["scalars"]:
        found[tag] = {event.step: event.value for event in reader.Scalars(tag)}
    for tag in tags["histograms"]:
        found[tag] = {event.step: event.histogram_value.num for event in reader.Histograms(tag)}
    for tag in tags["tensors"]:
        arrays = {event.step: tensor_util.make_ndarray(event.tensor_proto) for event in reader.Tensors(tag)}
        if tag.endswith("histogram"):
            found[tag] = {step: array[:, 2].sum() for step, array in arrays.items()}
        elif tag != "keras":  # the graph
            found[tag] = {step: float(array) for step, array in arrays.items()}
    return found


@pytest.mark.keras
@pytest.mark.parametrize("update_freq", ["epoch", 2])
def test_tensorboard_reads_what_keras_writes(keras, update_freq, tmp_path):
    pytest.importorskip("tensorboard")
    utils.clear_session()
    fresh = Sequential([Input((5,)), Dense(4), Dense(3, activation="softmax")])
    keras.utils.clear_session(free_memory=False)
    theirs = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dense(3, activation="softmax")])
    theirs.set_weights(fresh.get_weights())
    for model, optimizer in ((fresh, SGD(0.1)), (theirs, keras.optimizers.SGD(0.1))):
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    for model, module, name in ((fresh, callbacks, "a"), (theirs, keras.callbacks, "b")):
        train(module.TensorBoard(tmp_path / name, histogram_freq=2, update_freq=update_freq), model=model)
    for folder in ("train", "validation"):
        mine, expected = read_back(tmp_path / "a" / folder), read_back(tmp_path / "b" / folder)
        assert mine.keys() == expected.keys()
        assert len(mine) >= 4
        for tag, values in expected.items():
            # With a number as update_freq Keras leaves out figures of epochs and of the validation.
            assert mine[tag].keys() == values.keys() or (update_freq == 2 and mine[tag].keys() > values.keys()), tag
            assert update_freq == "epoch" or not tag.startswith("batch") or mine[tag].keys() == values.keys()
            for step, value in values.items():
                assert mine[tag][step] == pytest.approx(value, rel=1e-4), (tag, step)
