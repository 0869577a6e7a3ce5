"""The names that notebooks use on models, layers, weights, outputs and files."""

import numpy as np
import pytest

from tinycnn.keras import Input, Model, Sequential, layers, losses, models, optimizers

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(6, 4)).astype("float32"), np.arange(6) % 3


@pytest.fixture
def model():
    return Sequential(
        [layers.Dense(5, input_dim=4), layers.BatchNormalization(), layers.Dense(3, activation="softmax")]
    )


def test_weights_are_variables_over_the_layers_arrays(model):
    assert [w.name for w in model.weights] == [
        *("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias")
    ]
    assert len(model.trainable_variables) == 6
    assert [w.name for w in model.non_trainable_weights] == ["moving_mean", "moving_variance"]
    kernel = model.layers[0].weights[0]
    assert kernel is model.layers[0].kernel
    kernel.assign(np.full((4, 5), 2.0))
    np.testing.assert_array_equal(np.asarray(model.layers[0].kernel), np.full((4, 5), 2.0, "float32"))
    copy = kernel.numpy()
    copy[...] = 7
    assert kernel.value[0, 0] == 2
    with pytest.raises(ValueError, match=r"kernel: expected an array of shape \(4, 5\), received \(5, 4\)"):
        kernel.assign(np.ones((5, 4)))
    model.layers[0].trainable = False
    assert model.layers[0].trainable_weights == []
    assert len(model.layers[0].non_trainable_weights) == 2
    assert len(model.non_trainable_weights) == 4


def test_outputs_and_losses_have_numpy(model):
    y = model(X)
    assert type(y.numpy()) is np.ndarray
    np.testing.assert_array_equal(y.numpy(), model.forward(X))
    loss = losses.SparseCategoricalCrossentropy()
    assert loss(Y, y).numpy() == loss.forward(Y, model.forward(X))


def test_inputs_and_outputs_are_described(model):
    assert model.inputs[0].shape == (None, 4)
    assert model.outputs[0].shape == model.layers[-1].output.shape == (None, 3)
    assert model.layers[1].input.shape == (None, 5)
    with pytest.raises(AttributeError, match="which has no output yet"):
        _ = layers.Dense(3).output
    with pytest.raises(TypeError, match=r"Net: expected layers connected by .* a subclass with call"):
        type("Net", (Model,), {"call": lambda self, x: x})
    with pytest.raises(TypeError, match="a subclass with train_step"):
        type("Net", (Sequential,), {"train_step": lambda self, data: None})
    with pytest.raises(TypeError, match="Scale: expected a layer with _build, forward and backward, received one with"):
        type("Scale", (layers.Layer,), {"call": lambda self, x: x})


def test_a_model_in_a_model_lends_its_layers(model):
    outer = Sequential([model, layers.Dense(2)])
    assert outer.layers[:3] == model.layers
    np.testing.assert_array_equal(outer.forward(X), outer.layers[3].forward(model.forward(X)))


@pytest.mark.parametrize(
    "way", [{"input_dim": 4}, {"input_shape": (4,)}, {"batch_input_shape": (None, 4)}], ids=lambda way: next(iter(way))
)
def test_ways_to_write_the_first_layers_shape(way):
    assert Sequential([layers.Dense(3, **way)]).input_shape == (None, 4)
    assert "input_dim" not in layers.Dense(3, **way).get_config()
    with pytest.raises(TypeError, match="Dense: expected one shape"):
        layers.Dense(3, **{**way, "input_shape": (4,), "input_dim": 4})


def test_input_layer_takes_its_former_arguments():
    assert layers.InputLayer(input_shape=(28, 28, 1)).shape == Input((28, 28, 1), batch_size=8).shape
    assert Input(batch_shape=(None, 3)).shape == (None, 3)


def test_clone_and_json_have_the_same_layers_and_new_weights(model):
    for other in (models.clone_model(model), models.model_from_json(model.to_json())):
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
        assert not np.array_equal(other.get_weights()[0], model.get_weights()[0])
    with pytest.raises(ValueError, match="model_from_json: expected a text"):
        models.model_from_json("{}")


def test_a_last_axis_of_size_1_may_be_left_out_or_left_over(rng):
    images, labels = rng.random((6, 5, 5)), rng.random((6, 2))
    with_channel = Sequential([Input((5, 5, 1)), layers.Conv2D(1, 3), layers.Flatten(), layers.Dense(2)])
    without = Sequential([Input((5, 5)), layers.Flatten(), layers.Dense(2)])
    a, b = Input((5, 5, 1)), Input((5, 5))
    both = Model([a, b], layers.Dense(2)(layers.concatenate([layers.Flatten()(a), layers.Flatten()(b)])))
    for model, right, other in (
        (with_channel, images[..., None], images),
        (without, images, images[..., None]),
        (both, [images[..., None], images], [images, images[..., None]]),
    ):
        model.compile("sgd", "mse", kernels="reference")
        expected = model.predict(right, verbose=0)
        np.testing.assert_array_equal(model.predict(other, verbose=0), expected)
        assert model.evaluate(other, labels, verbose=0) == model.evaluate(right, labels, verbose=0)
        assert len(model.fit(other, labels, validation_data=(other, labels), verbose=0).history) == 2
    np.testing.assert_array_equal(with_channel(images), with_channel(images[..., None]))
    line = Sequential([layers.Dense(1, input_shape=[1])])
    assert line.predict(np.arange(3.0), verbose=0).shape == (3, 1)
    with pytest.raises(ValueError, match="This is one sample: add the batch axis"):
        with_channel.predict(images[0][..., None], verbose=0)


def test_a_clone_is_compiled_as_the_first_is_and_trains_alike(model, rng):
    assert not models.clone_model(model).compiled
    model.compile(optimizers.Adam(0.1), losses.MeanSquaredError(), metrics=["mae"], kernels="reference")
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, *model.output_shape[1:]))
    model.train_on_batch(x, y)
    clone = models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert clone.optimizer.iterations == 0
    assert clone.optimizer.kernels is model.optimizer.kernels
    assert clone.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    clone.train_on_batch(x, y)
    assert (clone.optimizer.iterations, model.optimizer.iterations) == (1, 1)
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])


def test_weights_of_a_model_file_and_of_files_that_differ(model, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    with pytest.raises(FileExistsError, match="save_model: expected no file"):
        model.save(path, overwrite=False)
    other = models.clone_model(model)
    other.load_weights(path)
    for mine, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    wider = Sequential([layers.Dense(5, input_dim=4), layers.BatchNormalization(), layers.Dense(7)])
    before = wider.layers[-1].get_weights()
    with pytest.raises(ValueError, match=r"expected kernel of shape \(5, 7\)"):
        wider.load_weights(path)
    with pytest.warns(UserWarning, match="keeps its weights"):
        wider.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(wider.layers[-1].get_weights()[0], before[0])
    np.testing.assert_array_equal(wider.layers[0].get_weights()[0], model.layers[0].get_weights()[0])
    assert models.load_model(path, custom_objects={}).count_params() == model.count_params()
    with pytest.raises(ValueError, match="expected no custom_objects, received f1"):
        models.load_model(path, custom_objects={"f1": None})


def test_x_in_a_list_no_epochs_and_too_many_steps(model, capsys):
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    assert model.fit(X, Y, epochs=0).history == {}
    assert len(model.fit([X], [Y], verbose=2).history["loss"]) == 1
    assert " - 0s - " in capsys.readouterr().out
    assert model.evaluate([X], Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="expected 9 batches"):
        model.evaluate(X, Y, steps=9, verbose=0)


def test_advice(model):
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"add the batch axis, x\[None\]"):
        model(X[0])
    with pytest.raises(TypeError, match="Number the classes: "):
        model.fit(X, np.array(list("abcabc")))
    with pytest.raises(ValueError, match="Channels come last"):
        Sequential([Input((1, 28, 28)), layers.Conv2D(4, 3)])
    with pytest.raises(ValueError, match=r"Channels come last: np.moveaxis"):
        Sequential([Input((8, 8, 1)), layers.Flatten()])(np.ones((2, 1, 8, 8)))
