"""Optimizers: scalar loops = reference kernels = Numba kernels, and ten steps of each against Keras."""

import importlib.util
import inspect
import math
import re

import numpy as np
import pytest

from tinycnn import kernels, optimizers
from tinycnn.kernels import optimizers as reference
from tinycnn.layers.base import Parameter, ParameterVector
from tinycnn.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, RMSprop

SHAPES = [(3, 3, 1, 4), (4,), (5, 2), (1,)]
STEPS = 10

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.fixture
def numba_kernels():
    from tinycnn.kernels import fast

    return fast.optimizers


def make_vector(dtype="float64", seed=0, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    return ParameterVector([Parameter(str(i), value) for i, value in enumerate(values)])


def random_gradients(steps=STEPS, size=None, seed=1):
    """Gradients of very different sizes, with zeros among them, as behind a ReLU."""
    rng = np.random.default_rng(seed)
    size = size or sum(math.prod(shape) for shape in SHAPES)
    g = rng.normal(size=(steps, size)) * 10.0 ** rng.integers(-4, 2, size=(steps, size))
    g[rng.random((steps, size)) < 0.2] = 0
    return g


def run(optimizer, vector, gradients, kernel_set=reference):
    optimizer.kernels = kernel_set
    for g in gradients:
        vector.grad[:] = g
        optimizer.apply(vector)
    return vector.value


# Oracles: one weight at a time, plain Python: the weight before and its gradients in, the weight after out


def sgd_oracle(w, gradients, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0):
    v = 0.0
    for g in gradients:
        w -= learning_rate * weight_decay * w
        v = momentum * v - learning_rate * g
        w = w + momentum * v - learning_rate * g if nesterov else w + v
    return w


def rmsprop_oracle(w, gradients, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    mean_square = mean = ball = 0.0
    for g in gradients:
        mean_square = rho * mean_square + (1 - rho) * g * g
        mean = rho * mean + (1 - rho) * g
        spread = mean_square - mean * mean if centered else mean_square
        ball = momentum * ball + learning_rate * g / math.sqrt(spread + epsilon)
        w -= ball
    return w


def adam_oracle(
    w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, weight_decay=0.0
):
    m = v = largest = 0.0
    for t, g in enumerate(gradients, start=1):
        w -= learning_rate * weight_decay * w
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        largest = max(largest, v) if amsgrad else v
        # The paper's corrected averages; its ε̂ is Keras's epsilon, scaled by the same correction. As in Keras, the
        # powers are those of β rounded to float32.
        power_1, power_2 = float(np.float32(beta_1)) ** t, float(np.float32(beta_2)) ** t
        correction = math.sqrt(1 - power_2)
        w -= learning_rate * (m / (1 - power_1)) / ((math.sqrt(largest) + epsilon) / correction)
    return w


def adadelta_oracle(w, gradients, learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=0.0):
    accumulated = moved = 0.0
    for g in gradients:
        w -= learning_rate * weight_decay * w
        accumulated = rho * accumulated + (1 - rho) * g * g
        step = g * math.sqrt((moved + epsilon) / (accumulated + epsilon))
        moved = rho * moved + (1 - rho) * step * step
        w -= learning_rate * step
    return w


def adagrad_oracle(w, gradients, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7):
    accumulated = initial_accumulator_value
    for g in gradients:
        accumulated += g * g
        w -= learning_rate * g / math.sqrt(accumulated + epsilon)
    return w


def adamax_oracle(w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m = u = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * g
        u = max(beta_2 * u, abs(g))
        w -= learning_rate / (1 - float(np.float32(beta_1)) ** t) * m / (u + epsilon)
    return w


def nadam_oracle(w, gradients, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m = v = 0.0
    product = 1.0
    exact, beta_1, beta_2, fading = beta_1, *(float(np.float32(number)) for number in (beta_1, beta_2, 0.96))
    for t, g in enumerate(gradients, start=1):
        now, then = (beta_1 * (1 - 0.5 * fading**i) for i in (t, t + 1))
        product *= exact * (1 - 0.5 * 0.96**t)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        ahead = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
        w -= learning_rate * ahead / (math.sqrt(v / (1 - beta_2**t)) + epsilon)
    return w


CASES = [
    (SGD, {}, sgd_oracle),
    (SGD, {"learning_rate": 0.1, "momentum": 0.9}, sgd_oracle),
    (SGD, {"learning_rate": 0.1, "momentum": 0.5, "nesterov": True}, sgd_oracle),
    (SGD, {"nesterov": True}, sgd_oracle),
    (SGD, {"momentum": 1.0}, sgd_oracle),
    (SGD, {"weight_decay": 0.1, "learning_rate": 0.1}, sgd_oracle),
    (RMSprop, {}, rmsprop_oracle),
    (RMSprop, {"learning_rate": 0.01, "rho": 0.5, "epsilon": 1e-3}, rmsprop_oracle),
    (RMSprop, {"momentum": 0.9}, rmsprop_oracle),
    (RMSprop, {"centered": True, "epsilon": 1e-3}, rmsprop_oracle),
    (RMSprop, {"momentum": 0.5, "centered": True, "epsilon": 1e-3}, rmsprop_oracle),
    (Adam, {}, adam_oracle),
    (Adam, {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-2}, adam_oracle),
    (Adam, {"beta_1": 0.0}, adam_oracle),
    (Adam, {"amsgrad": True, "beta_2": 0.5}, adam_oracle),
    (Adam, {"weight_decay": 0.1, "learning_rate": 0.1}, adam_oracle),
    (AdamW, {}, lambda w, g: adam_oracle(w, g, weight_decay=0.004)),
    (AdamW, {"learning_rate": 0.1, "weight_decay": 0.3, "amsgrad": True, "beta_2": 0.5}, adam_oracle),
    (Adadelta, {"learning_rate": 1.0}, adadelta_oracle),
    (Adadelta, {"learning_rate": 3.0, "rho": 0.5, "epsilon": 1e-3, "weight_decay": 0.1}, adadelta_oracle),
    (Adagrad, {}, adagrad_oracle),
    (Adagrad, {"learning_rate": 0.1, "initial_accumulator_value": 0.0, "epsilon": 1e-2}, adagrad_oracle),
    (Adamax, {}, adamax_oracle),
    (Adamax, {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-2}, adamax_oracle),
    (Nadam, {}, nadam_oracle),
    (Nadam, {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-2}, nadam_oracle),
]
ALL_CASES = pytest.mark.parametrize(
    ("cls", "settings", "oracle"), CASES, ids=[f"{cls.__name__}-{settings}" for cls, settings, _ in CASES]
)


@ALL_CASES
def test_ten_steps_are_the_oracle(cls, settings, oracle):
    vector, gradients = make_vector(), random_gradients()
    start = vector.value.copy()
    end = run(cls(**settings), vector, gradients)
    expected = [oracle(float(w), gradients[:, i].tolist(), **settings) for i, w in enumerate(start)]
    np.testing.assert_allclose(end, expected, rtol=1e-11, atol=1e-13)
    assert np.abs(end - start).max() > 1e-3


def test_nadams_product_of_momenta():
    optimizer = Nadam(beta_1=0.9999)
    for t in (0, 1, 2, 700, 5000):
        expected = math.prod(0.9999 * (1 - 0.5 * 0.96**i) for i in range(1, t + 1))
        assert optimizer._product_of_momenta(t) == pytest.approx(expected, rel=1e-12)


def test_adagrads_slots_start_at_its_value():
    optimizer = Adagrad(initial_accumulator_value=0.25)
    optimizer.build(make_vector())
    assert set(optimizer.slots["accumulator"]) == {0.25}


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@ALL_CASES
def test_numba_kernels_give_the_same_bits(numba_kernels, cls, settings, oracle, dtype):
    """Elementwise arithmetic in the same order and precision, without contraction: nothing may differ."""
    clear, fast = cls(**settings), cls(**settings)
    expected = run(clear, make_vector(dtype), random_gradients())
    end = run(fast, make_vector(dtype), random_gradients(), numba_kernels)
    assert end.dtype == dtype
    np.testing.assert_array_equal(end, expected)
    for name, slot in clear.slots.items():
        assert fast.slots[name].dtype == dtype
        np.testing.assert_array_equal(fast.slots[name], slot)


@needs_numba
@pytest.mark.parametrize("name", [name for name in vars(reference) if name.endswith("_update")])
def test_twins_have_one_signature(numba_kernels, name):
    clear, fast = getattr(reference, name), getattr(numba_kernels, name)
    assert inspect.signature(clear) == inspect.signature(fast)
    assert fast is not clear


@needs_numba
def test_numba_kernels_compute_in_float32(numba_kernels):
    """Every compiled loop saw arrays and numbers of one dtype only: no float64 with float32 arrays."""
    for cls, settings, _ in CASES:
        run(cls(**settings), make_vector("float32"), random_gradients(), numba_kernels)
    compiled = [f for f in vars(numba_kernels).values() if hasattr(f, "signatures")]
    for function in compiled:
        for signature in function.signatures:
            types = " ".join(map(str, signature))
            assert not ("float32" in types and "float64" in types), types


def test_every_reference_kernel_is_run_by_a_case():
    called = set()

    class Recorder:
        def __getattr__(self, name):
            called.add(name)
            return getattr(reference, name)

    for cls, settings, _ in CASES:
        run(cls(**settings), make_vector(), random_gradients(2), Recorder())
    assert called == {name for name in vars(reference) if name.endswith("_update")}


# Clipping


def norm(values):
    return math.sqrt(sum(float(x) ** 2 for x in values))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("limit", [0.5, 3.0, 1e6])
@pytest.mark.parametrize("way", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clipping(way, limit, dtype):
    vector = make_vector(dtype)
    start, g = vector.value.copy(), random_gradients(1)[0].astype(dtype)
    expected = np.empty(len(g))
    for part in vector.slices:
        length = norm(g) if way == "global_clipnorm" else norm(g[part])
        for i in range(part.start, part.stop):
            if way == "clipvalue":
                expected[i] = max(-limit, min(limit, g[i]))
            else:
                expected[i] = g[i] * limit / max(limit, length)
    end = run(SGD(1.0, **{way: limit}), vector, [g])
    np.testing.assert_allclose(start - end, expected, rtol=0, atol=1e-5 if dtype == "float32" else 1e-12)
    np.testing.assert_array_equal(vector.grad, g)
    clipped = not np.allclose(expected, g)
    assert clipped == (limit < 1e6)


@pytest.mark.parametrize("way", ["clipnorm", "global_clipnorm"])
def test_clipping_of_zero_and_of_infinite_gradients(way):
    vector = make_vector()
    start = vector.value.copy()
    optimizer = SGD(1.0, **{way: 1.0})
    np.testing.assert_array_equal(run(optimizer, vector, [np.zeros_like(start)]), start)
    g = np.zeros_like(start)
    g[0] = np.inf
    run(optimizer, vector, [g])
    first = vector.slices[0]
    assert np.isnan(vector.value[first]).all()
    assert np.isnan(vector.value).all() == (way == "global_clipnorm")


# State


@ALL_CASES
def test_parameters_are_updated_in_place_and_gradients_stay(cls, settings, oracle):
    vector = make_vector("float32")
    value, parts = vector.value, [p.value for p in vector.parameters]
    g = random_gradients(1)[0].astype("float32")
    run(cls(**settings), vector, [g])
    assert vector.value is value
    assert all(p.value is part for p, part in zip(vector.parameters, parts, strict=True))
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts]), value)
    np.testing.assert_array_equal(vector.grad, g)


@pytest.mark.parametrize(
    ("cls", "settings", "names"),
    [
        (SGD, {}, []),
        (SGD, {"momentum": 0.9}, ["momentum"]),
        (RMSprop, {}, ["velocity"]),
        (RMSprop, {"momentum": 0.9, "centered": True}, ["velocity", "momentum", "average_gradient"]),
        (Adam, {}, ["momentum", "velocity"]),
        (AdamW, {"amsgrad": True}, ["momentum", "velocity", "velocity_hat"]),
        (Adadelta, {}, ["accumulated_grad", "accumulated_delta_var"]),
        (Adagrad, {"initial_accumulator_value": 0}, ["accumulator"]),
        (Adamax, {}, ["momentum", "norm"]),
        (Nadam, {}, ["momentum", "velocity"]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slots_are_vectors_of_the_weights_length_and_dtype(cls, settings, names, dtype):
    optimizer = cls(**settings)
    assert optimizer.slots == {}
    vector = make_vector(dtype)
    optimizer.build(vector)
    assert list(optimizer.slots) == names
    for slot in optimizer.slots.values():
        assert (slot.shape, slot.dtype) == (vector.value.shape, np.dtype(dtype))
        assert not slot.any()
    run(optimizer, vector, random_gradients(3))
    assert optimizer.iterations == 3
    assert all(slot.any() for slot in optimizer.slots.values())


def test_a_run_can_be_continued_from_its_slots():
    gradients = random_gradients()
    whole = run(Adam(), make_vector(), gradients)
    first = Adam()
    vector = make_vector()
    run(first, vector, gradients[:4])
    second = Adam()
    second.build(vector)
    second.iterations = first.iterations
    for name, slot in first.slots.items():
        second.slots[name][:] = slot
    np.testing.assert_array_equal(run(second, vector, gradients[4:]), whole)


def test_the_learning_rate_may_be_assigned_between_steps():
    vector, gradients = make_vector(), random_gradients(2)
    start = vector.value.copy()
    optimizer = SGD(0.1)
    run(optimizer, vector, gradients[:1])
    optimizer.learning_rate = 0.01
    assert optimizer.learning_rate == 0.01
    run(optimizer, vector, gradients[1:])
    np.testing.assert_allclose(vector.value, start - 0.1 * gradients[0] - 0.01 * gradients[1], rtol=1e-12)


@pytest.mark.parametrize("shapes", [[(2, 2)], SHAPES])
@pytest.mark.parametrize("cls", [Adam, SGD])  # with slots and without
def test_another_models_weights_are_refused(cls, shapes):
    optimizer = cls()
    run(optimizer, make_vector(), random_gradients(1))
    other, iterations = make_vector(shapes=shapes), optimizer.iterations
    before = other.value.copy()
    text = f"{optimizer.name}: expected the parameters of its first step, or some of them, received {len(shapes)} that "
    text += f"it does not know, such as '0' of shape {shapes[0]}. Compile with a new optimizer for another model, and "
    text += "after adding or unfreezing layers."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        optimizer.apply(other)
    np.testing.assert_array_equal(other.value, before)
    assert optimizer.iterations == iterations


@pytest.mark.parametrize(
    "optimizer",
    [Adam(0.01, amsgrad=True), RMSprop(momentum=0.5, centered=True), SGD(momentum=0.9), Adagrad(), Nadam()],
)
def test_slots_belong_to_parameters(optimizer):
    """Steps with some parameters missing move the others as an optimizer of their own would."""
    vector, gradients = make_vector(), random_gradients(6)
    parameters, slices = vector.parameters, vector.slices
    run(optimizer, vector, gradients[:2])
    waiting = {name: optimizer.slot(name, parameters[1]).copy() for name in optimizer.slots}
    alone = type(optimizer).from_config(optimizer.get_config())
    own = [2, 0]  # in another order, too
    start = {
        name: np.concatenate([optimizer.slot(name, parameters[i]).ravel() for i in own]) for name in optimizer.slots
    }
    rest = ParameterVector([Parameter(str(i), parameters[i].value.copy()) for i in own])
    alone.set_state(2, optimizer.learning_rate, start, rest.parameters)

    some = ParameterVector([parameters[i] for i in own])
    frozen = parameters[1].value.copy()
    for gradient in gradients[2:4]:
        rest.grad[:] = some.grad[:] = np.concatenate([gradient[slices[i]] for i in own])
        optimizer.apply(some)
        alone.apply(rest)
    np.testing.assert_array_equal(some.value, rest.value)
    np.testing.assert_array_equal(parameters[1].value, frozen)
    for name, slot in waiting.items():
        np.testing.assert_array_equal(optimizer.slot(name, parameters[1]), slot)
        for p, twin in zip(some.parameters, rest.parameters, strict=True):
            np.testing.assert_array_equal(optimizer.slot(name, p), alone.slot(name, twin))

    run(optimizer, ParameterVector(parameters), gradients[4:])  # and all together again
    assert optimizer.iterations == 6
    assert not np.array_equal(parameters[1].value, frozen)


def test_without_parameters_a_step_is_nothing():
    optimizer = Adam()
    optimizer.apply(ParameterVector([]))
    assert (optimizer.iterations, optimizer.parameters, optimizer.slots) == (0, None, {})


def test_slots_of_another_length_are_refused():
    vector, optimizer = make_vector(), Adam()
    text = "adam: expected slots for 51 weights, received 4. Compile with a new optimizer for another model."
    slots = {"momentum": np.zeros(4), "velocity": np.zeros(4)}
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        optimizer.set_state(1, 0.1, slots, vector.parameters)
    assert (optimizer.iterations, optimizer.learning_rate, optimizer.slots) == (0, 0.001, {})
    optimizer.set_state(1, 0.1, slots)  # whose they are turns out in the first step
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        optimizer.build(vector)


def test_the_fast_kernels_are_the_default():
    assert SGD().kernels is kernels.FAST


# Names and bad arguments


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("sgd", SGD),
        ("SGD", SGD),
        ("rmsprop", RMSprop),
        ("RMSprop", RMSprop),
        ("Adam", Adam),
        ("adamw", AdamW),
        ("adadelta", Adadelta),
        ("Adagrad", Adagrad),
        ("Adamax", Adamax),
        ("nadam", Nadam),
    ],
)
def test_get(name, cls):
    assert type(optimizers.get(name)) is cls
    mine = cls(0.5, name="mine")
    assert optimizers.get(mine) is mine
    assert mine.name == "mine"
    assert repr(mine) == f"<{cls.__name__} learning_rate=0.5, iterations=0>"


def test_get_unknown():
    with pytest.raises(ValueError, match=r"^optimizer: expected one of .*received 'adm'\. Did you mean 'adam'\?$"):
        optimizers.get("adm")
    for wrong in (None, Adam, 0.01):
        with pytest.raises(
            TypeError, match=r"^optimizer: expected a name or an Optimizer, received .*Adam\(0\.001\)\.$"
        ):
            optimizers.get(wrong)


@pytest.mark.parametrize(
    ("cls", "settings", "error", "text"),
    [
        (
            SGD,
            {"learning_rate": -1},
            ValueError,
            "SGD: expected learning_rate >= 0, received -1. Pass for example 0.0",
        ),
        (SGD, {"learning_rate": math.nan}, ValueError, "SGD: expected learning_rate >= 0, received nan."),
        (
            Adam,
            {"learning_rate": "a"},
            TypeError,
            "Adam: expected learning_rate to be a number, received 'a'. Pass",
        ),
        (
            Adam,
            {"learning_rate": True},
            TypeError,
            "Adam: expected learning_rate to be a number, received True.",
        ),
        (
            SGD,
            {"momentum": 1.5},
            ValueError,
            "SGD: expected 0 <= momentum <= 1, received 1.5. Pass for example 0.9.",
        ),
        (
            RMSprop,
            {"rho": 1.0},
            ValueError,
            "RMSprop: expected 0 <= rho < 1, received 1.0. Pass for example 0.9.",
        ),
        (RMSprop, {"momentum": -0.1}, ValueError, "RMSprop: expected momentum >= 0, received -0.1."),
        (RMSprop, {"epsilon": -1e-7}, ValueError, "RMSprop: expected epsilon >= 0, received -1e-07."),
        (
            Adam,
            {"beta_1": 1},
            ValueError,
            "Adam: expected 0 <= beta_1 < 1, received 1. Pass for example 0.9.",
        ),
        (Adam, {"beta_2": 2}, ValueError, "Adam: expected 0 <= beta_2 < 1, received 2."),
        (Adam, {"epsilon": None}, TypeError, "Adam: expected epsilon to be a number, received None."),
        (AdamW, {"weight_decay": -1}, ValueError, "AdamW: expected weight_decay >= 0, received -1."),
        (
            AdamW,
            {"weight_decay": None},
            TypeError,
            "AdamW: expected weight_decay to be a number, received None.",
        ),
        (
            Adam,
            {"clipnorm": 0},
            ValueError,
            "Adam: expected clipnorm > 0, received 0. Pass for example 0.001.",
        ),
        (Adam, {"clipvalue": -1}, ValueError, "Adam: expected clipvalue > 0, received -1."),
        (
            Adam,
            {"global_clipnorm": "a"},
            TypeError,
            "Adam: expected global_clipnorm to be a number, received 'a'.",
        ),
        (
            Adam,
            {"clipnorm": 1, "clipvalue": 2},
            ValueError,
            "Adam: expected at most one of clipnorm, clipvalue and global_clipnorm, received clipnorm=1",
        ),
        (
            SGD,
            {"lr": 0.1},
            TypeError,
            "SGD: expected learning_rate, received lr, its former name. Write learning_rate=0.1.",
        ),
        (Adagrad, {"initial_accumulator_value": -1}, ValueError, "Adagrad: expected initial_accumulator_value >= 0"),
        (Adadelta, {"rho": 1}, ValueError, "Adadelta: expected 0 <= rho < 1, received 1. Pass for example 0.9."),
        (Adamax, {"beta_2": 1}, ValueError, "Adamax: expected 0 <= beta_2 < 1, received 1."),
        (Nadam, {"beta_1": 1}, ValueError, "Nadam: expected 0 <= beta_1 < 1, received 1."),
        (
            AdamW,
            {"use_ema": True},
            TypeError,
            "or the arguments of its docstring, received use_ema. Leave out what",
        ),
    ],
)
def test_bad_arguments(cls, settings, error, text):
    with pytest.raises(error, match=re.escape(text)):
        cls(**settings)


def test_a_bad_learning_rate_is_not_assigned():
    optimizer = Adam(0.1)
    with pytest.raises(ValueError, match=r"^Adam: expected learning_rate >= 0, received -0\.1\."):
        optimizer.learning_rate = -0.1
    assert optimizer.learning_rate == 0.1


# Live Keras

KERAS_CASES = [(cls, settings) for cls, settings, _ in CASES]
KERAS_CASES += [
    (cls, {way: limit} | more)
    for cls, more in ((SGD, {"momentum": 0.9}), (Adam, {}), (AdamW, {"weight_decay": 0.1}))
    for way, limit in (("clipnorm", 0.5), ("clipvalue", 0.1), ("global_clipnorm", 2.0))
]


@pytest.mark.keras
@pytest.mark.parametrize(
    ("cls", "settings"), KERAS_CASES, ids=[f"{cls.__name__}-{settings}" for cls, settings in KERAS_CASES]
)
def test_ten_steps_are_keras(cls, settings):
    import keras

    vector, gradients = make_vector("float32"), random_gradients().astype("float32")
    start = vector.value.copy()
    theirs = getattr(keras.optimizers, cls.__name__)(**settings)
    variables = [keras.Variable(p.value) for p in vector.parameters]
    for g in gradients:
        theirs.apply(
            [g[part].reshape(p.shape) for part, p in zip(vector.slices, vector.parameters, strict=True)],
            variables,
        )
    ours = cls(**settings)
    end = run(ours, vector, gradients)
    expected = np.concatenate([np.ravel(v) for v in variables])
    moved = np.abs(expected - start).max()
    assert moved > 1e-3
    # One last digit of beta_2**t, in which two libraries may differ, is 3e-5 of 1 - beta_2**t in the second step.
    np.testing.assert_allclose(end, expected, rtol=3e-7, atol=5e-6 * moved)
    # The slots are Keras's variables, weight by weight, behind iteration and learning rate.
    numbers = [float(v) for v in theirs.variables[2:] if v.shape == ()]
    np.testing.assert_allclose(ours.numbers_behind_slots, numbers, rtol=1e-6)
    stored = [v for v in theirs.variables[2:] if v.shape != ()]
    assert len(stored) == len(ours.slots) * len(variables)
    for name, slot in ours.slots.items():
        wanted = [np.ravel(v) for v in stored if v.name.endswith("_" + name) or v.name == name]
        assert len(wanted) == len(variables)
        np.testing.assert_allclose(slot, np.concatenate(wanted), rtol=2e-5, atol=1e-7)


@pytest.mark.keras
@pytest.mark.parametrize("cls", [SGD, RMSprop, Adam, AdamW, Adadelta, Adagrad, Adamax, Nadam])
def test_defaults_are_keras(cls):
    import keras

    config = getattr(keras.optimizers, cls.__name__)().get_config()
    for name in set(inspect.signature(cls).parameters) - {"options"}:
        assert getattr(cls(), name) == pytest.approx(config[name]), name
    assert cls().name == config["name"].rstrip("_0123456789")
