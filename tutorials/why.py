"""Why does batch normalization help? Networks, layers and runs of tutorial 08 (see `tutorials.experiments`).

What each explanation says in numbers was written down here before the runs were made; trials with other kernels had
set the size of the network, the learning rate and the strength of the noise. All networks learn the bundled digits:
convolutions of 8 channels on maps of 7x7, plain SGD at a rate of 0.03, batches of 32, two or four epochs, five
seeds; runs of a seed begin with the same kernels and meet the same batches. Differences and quotients are those of
two runs of one seed, with a 95 % interval over the seeds (Student's t; of a quotient, that of its logarithm). "The
gain" is the training loss of the plain network, mean over the training, less that of the one with batch normalization
(BN); a training that breaks down counts as one that guesses. A prediction is supported where the whole interval lies
where it says, contradicted where it lies where it must not, else undecided (`Prediction`).

Internal covariate shift (Ioffe & Szegedy 2015, arXiv:1502.03167): BN helps because a layer's inputs change their
distribution less while the layers before it learn. `why_steps`.
    predicts:      in a step the inputs' distribution moves less than half as far with BN as without; and BN loses at
                   least half of its gain where noise behind it moves the inputs at least as far as they move in the
                   plain network (a random scale and shift of each channel, new in each step, after Santurkar et al.
                   2018; its size comes from a trial: a few times the plain network's motion, and four
                   times that)
    contradicted:  the inputs do not move less; or more than half of the gain survives the smaller noise
Its other reading (Santurkar et al. 2018, arXiv:1805.11604): a layer's gradient changes less by what the layers before
it do in the same step.
    predicts:      the cosine of the gradients before and after that is higher with BN
    contradicted:  it is lower
Smoother loss (Santurkar et al. 2018): along the step that a training is about to make, loss and gradient change less,
so the gradient says more about what is ahead. `why_steps`.
    predicts:      over steps of half to four times the learning rate, the loss's range and the largest change of the
                   gradient are with BN less than half of what they are without; so is that change as a share of the
                   gradient, which does not depend on how large gradients are
    contradicted:  they are not smaller
Larger learning rates (Ioffe & Szegedy 2015): BN helps because it allows larger steps. `why_rates`.
    predicts:      the largest rate at which a training gets more than half of its images right is at least three times
                   as large with BN; and at the rate that is best for the plain network there is no gain
    contradicted:  it is not larger; or there is a gain at the plain network's own best rate
Noise as regularisation (Ioffe & Szegedy 2015, section 3.4): each image is normalised by random company, which keeps a
network from learning by heart. 360 training images, batches of 60, 16 epochs, statistics of parts of 60, 12 and 3
images, that is of little, more and much noise (Hoffer et al. 2017, arXiv:1705.08741, "ghost batch normalization").
`why_noise`.
    predicts:      the test loss falls as the noise grows, and is below the plain network's with statistics of parts
    contradicted:  the test loss rises; or it is above the plain network's
                   (Written first: "with parts of 60 BN has less than half of the advantage over the plain network that
                   it has with parts of 12". The runs left no advantage to be halved, so it is asked for itself.)
Something about the batch at all: layer normalization (Ba et al. 2016, arXiv:1607.06450, over all of an image as Wu &
He have it) and group normalization (Wu & He 2018, arXiv:1803.08494) normalise each image by itself. `why_rates`.
    predicts:      at each one's best rate they have less than half of BN's gain over the plain network
    contradicted:  they have more than half
The scale of signals at depth: a bad start makes signals shrink from layer to layer, BN sets each to size 1; a start
that fits relus (He et al. 2015, arXiv:1502.01852) and skip connections (He et al. 2016, arXiv:1512.03385) do so, too.
4, 8 and 16 convolutions, with and without BN; Glorot's start, which is Keras's default, He's start, and that with
skips. `why_depth`.
    predicts:      the gain grows from 4 to 16 convolutions; at 16, He's start with skips has less than half of the
                   gain that is there with Glorot's start and without skips
    contradicted:  the gain does not grow; or it is as large with both remedies as with neither
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn import optimizers, utils
from tinycnn.functional import Functional
from tinycnn.initializers import GlorotUniform, HeNormal
from tinycnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GroupNormalization,
    Input,
    Layer,
)
from tinycnn.losses import SparseCategoricalCrossentropy
from tinycnn.normalization import recalibrate_batch_normalization

from .claims import CONTRADICTED, SUPPORTED, UNDECIDED, t_interval
from .experiments import load, shuffled_batches
from .normalization import load_digits
from .runs import Json, installed

Array = np.ndarray

PACKAGES = ("tinycnn", "numpy", "numba")
KINDS = ("none", "batch", "layer", "group", "noisy", "noisier", "parts")
STARTS = {"he": HeNormal, "glorot": GlorotUniform}
REMEDIES = (("glorot", False), ("he", False), ("he", True))  # start, and whether there are skip connections
FACTORS = (0.5, 1.0, 2.0, 4.0)  # of the learning rate, along the step; Santurkar et al.'s range
NOISE = {"noisy": (0.125, 0.0625), "noisier": (0.5, 0.25)}  # shift and scale of `MovingNoise`
GROUPS = 2
MOMENTUM = 0.9  # of the moving averages; what is measured in inference has exact statistics


# Layers of our own


class MovingNoise(Layer):
    """In training, scale and shift each channel at random, all images alike, anew in each step; in inference y is x.

    Math:    y = s·x + m;  in each step and for each channel log s from N(0, scale²), m from N(0, shift²);   dx = s·dy
    Shapes:  x, y (n, ..., c);  s, m (c,)
    Keeps:   s
    Source:  after Santurkar et al. 2018, section 2.1, arXiv:1805.11604; there each value has a noise of its own, too
    """

    def __init__(self, shift: float, scale: float, **options: Any):
        super().__init__(**options)
        self.shift, self.scale = float(shift), float(scale)

    def _build(self, input_shape: Any, rng: np.random.Generator) -> Any:
        self.rng = rng
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if not training:
            return x
        normal = self.rng.standard_normal((2, x.shape[-1]))
        s = np.exp(self.scale * normal[0]).astype(self.dtype)
        self._save(x.shape, s)
        return s * x + (self.shift * normal[1]).astype(self.dtype)

    def backward(self, dy: Array) -> Array:
        dy, s = self._restore(dy)
        return s * dy


class PartsNormalization(BatchNormalization):
    """Batch normalization by the statistics of parts of the batch: the fewer images in a part, the more noise.

    Math:    that of `BatchNormalization` for each `size` images of the batch; dγ and dβ are sums over the parts
    Shapes:  x, y (n, h, w, c);  the last part is smaller where `size` does not divide n
    Keeps:   of each part x, μ and σ²
    Source:  Hoffer et al. 2017, arXiv:1705.08741, Algorithm 1
    """

    def __init__(self, size: int = 32, **options: Any):
        super().__init__(**options)
        self.size = int(size)

    def forward(self, x: Array, training: bool = False) -> Array:
        if not training:
            return super().forward(x)
        x = self._check_input(x)
        gamma, beta = self._gamma_and_beta()
        y, parts = np.empty_like(x), []
        for start in range(0, len(x), self.size):
            rows = x[start : start + self.size].reshape(-1, x.shape[-1])
            part, mean, variance = self.kernels.batch_normalization_forward(rows, gamma, beta, self.epsilon)
            self.update_moving_statistics(mean, variance)
            y[start : start + self.size] = part.reshape(-1, *x.shape[1:])
            parts.append((rows, mean, variance))
        self._save(x.shape, parts)
        return y

    def backward(self, dy: Array) -> Array:
        dy, parts = self._restore(dy)
        gamma, _ = self._gamma_and_beta()
        dx, dgamma, dbeta = np.empty_like(dy), np.zeros_like(gamma), np.zeros_like(gamma)
        for i, (rows, mean, variance) in enumerate(parts):
            part = slice(i * self.size, (i + 1) * self.size)
            one = self.kernels.batch_normalization_backward(
                dy[part].reshape(rows.shape), rows, gamma, mean, variance, self.epsilon
            )
            dx[part] = one[0].reshape(-1, *dy.shape[1:])
            dgamma += one[1]
            dbeta += one[2]
        self.gamma.grad[...], self.beta.grad[...] = dgamma, dbeta
        return dx


# The network


def network(
    kind: str = "none",
    depth: int = 8,
    skip: bool = False,
    start: str = "he",
    seed: int | None = None,
    size: int = 32,
) -> Functional:
    """So many convolutions, each with a normalization of this kind in front of its relu, and a dense layer.

    Two convolutions make maps of 7x7, the others are blocks of two, which a skip connection may pass (He et al. 2016).
    Networks of one seed, depth and start begin with the same kernels.

    Args:
        kind: "none", "batch", "layer" (one group), "group" (two), "noisy" or "noisier" (batch, and `MovingNoise` behind
            it) or "parts" (`PartsNormalization` of ``size`` images).

    Raises:
        ValueError: another kind, or a depth that is odd or below 4.
    """
    if kind not in KINDS:
        raise ValueError(f"network: expected a kind of {', '.join(KINDS)}, received {kind!r}. Choose one of them.")
    if depth < 4 or depth % 2:
        raise ValueError(f"network: expected an even depth from 4 on, received {depth!r}. Blocks have two layers each.")
    if seed is not None:
        utils.set_random_seed(seed)
    seeds = [int(number) for number in np.random.default_rng(seed).integers(2**31, size=depth + 1)]
    made = iter(range(depth))

    def convolution(x: Any, window: int = 3, strides: int = 1) -> Any:
        number = next(made)
        kernel = STARTS[start](seed=seeds[number])
        x = Conv2D(8, window, strides, "same", kernel_initializer=kernel, name=f"conv2d_{number + 1}")(x)
        if kind == "batch" or kind in NOISE:
            x = BatchNormalization(momentum=MOMENTUM)(x)
        elif kind == "parts":
            x = PartsNormalization(size, momentum=MOMENTUM)(x)
        elif kind in ("layer", "group"):
            x = GroupNormalization(1 if kind == "layer" else GROUPS)(x)
        return MovingNoise(*NOISE[kind])(x) if kind in NOISE else x

    def relu(x: Any) -> Any:
        return Activation("relu")(x)

    images = Input((28, 28, 1))
    x = relu(convolution(relu(convolution(images, 5, 4))))
    for _ in range(depth // 2 - 1):
        y = convolution(relu(convolution(x)))
        x = relu(Add()([x, y]) if skip else y)
    last = Dense(10, activation="softmax", kernel_initializer=GlorotUniform(seeds[depth]), name="dense")
    return Functional(images, last(Flatten()(x)))


# Training


def train(model: Functional, x: Array, y: Array, rate: float, epochs: int, batch_size: int, seed: int) -> Json:
    """``history``, the training loss of each epoch, and ``accuracy``, that of the last one, as `fit` shows them.

    Trainings of one seed meet the same batches. Where a loss ceased to be a number ``history`` is None, and alone.
    """
    model.compile(optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    batches = shuffled_batches(x, y, batch_size, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        try:
            history = model.fit(batches, steps_per_epoch=-(-len(x) // batch_size), epochs=epochs, verbose=0).history
        except FloatingPointError:
            return {"history": None}
    return {
        "history": [round(float(loss), 5) for loss in history["loss"]],
        "accuracy": round(float(history["accuracy"][-1]), 5),
    }


def figures(model: Any, x: Array, y: Array, x_test: Array, y_test: Array) -> Json:
    """Loss and accuracy of training and test images, in inference, with the statistics of 512 training images."""
    if any(isinstance(layer, BatchNormalization) for layer in model.layers):
        recalibrate_batch_normalization(model, x[:512], 512)
    found = {}
    for prefix, images, labels in (("", x, y), ("test_", x_test, y_test)):
        loss, accuracy = model.evaluate(images, labels, verbose=0)
        found[f"{prefix}loss"], found[f"{prefix}accuracy"] = round(float(loss), 5), round(float(accuracy), 5)
    return found


# Runs


def rates(seed: int, kinds: Sequence[str], rates: Sequence[float], epochs: int, batch_size: int) -> Json:
    """Train each kind of network once with each learning rate.

    Returns:
        ``trainings``: for each kind what `train` returns, in the order of ``rates``.
    """
    x, y, *_ = _data()
    found = {
        kind: [train(network(kind, seed=seed), x, y, rate, epochs, batch_size, seed) for rate in rates]
        for kind in kinds
    }
    return {"versions": installed(PACKAGES), "trainings": found}


def depths(seed: int, kinds: Sequence[str], depths: Sequence[int], rate: float, epochs: int, batch_size: int) -> Json:
    """Train each kind of network once with each depth and each of `REMEDIES`.

    Returns:
        ``trainings``: for each kind what `train` returns, with ``depth``, ``start`` and ``skip``.
    """
    x, y, *_ = _data()
    found: Json = {kind: [] for kind in kinds}
    for kind, trainings in found.items():
        for depth in depths:
            for start, skip in REMEDIES:
                model = network(kind, depth, skip, start, seed)
                training = train(model, x, y, rate, epochs, batch_size, seed)
                trainings.append({"depth": depth, "start": start, "skip": skip} | training)
    return {"versions": installed(PACKAGES), "trainings": found}


def noise(seed: int, sizes: Sequence[int], images: int, rate: float, epochs: int, batch_size: int) -> Json:
    """Train on few images: plain, and with batch normalization by the statistics of parts of each size.

    Returns:
        ``trainings``: what `train` and `figures` do, first of the plain network, then in the order of ``sizes``.
    """
    x, y, *test = _data()
    chosen = np.random.default_rng(seed).permutation(len(x))[:images]
    x, y = x[chosen], y[chosen]
    found = []
    for model in (network("none", seed=seed), *(network("parts", seed=seed, size=size) for size in sizes)):
        training = train(model, x, y, rate, epochs, batch_size, seed)
        found.append(training | figures(model, x, y, *test))
    return {"versions": installed(PACKAGES), "trainings": found}


def steps(kind: str, seed: int, rate: float, epochs: int, batch_size: int, every: int, probe: int) -> Json:
    """Train, and look around at every so many steps, the first included.

    Returns:
        ``history``: the loss of each epoch; `figures`; and lists over the steps ``at`` which was measured.
        ``shift``: how far the inputs of the convolutions move in the step (`distance` of their distributions
        over ``probe`` images, mean over all convolutions but the first). ``cosine``: see
        `gradients_before_and_after`. ``loss_range``, ``gradient_change`` and ``relative_change``: see
        `along_the_step`.
    """
    data = x, y, *_ = _data()
    model = network(kind, seed=seed)
    batches = shuffled_batches(x, y, batch_size, np.random.default_rng(seed))
    names = ("at", "shift", "cosine", "loss_range", "gradient_change", "relative_change")
    found: Json = {name: [] for name in names}
    losses: list[float] = []
    for step in range(epochs * -(-len(x) // batch_size)):
        batch = next(batches)
        if step % every == 0:
            found["at"].append(step)
            for name, value in along_the_step(model, *batch, rate).items():
                found[name].append(value)
            found["cosine"].append(gradients_before_and_after(model, *batch, rate))
            before = inputs(model, x[:probe])
        losses.append(step_along(model, *batch, rate))
        if step % every == 0:
            found["shift"].append(distance(before, inputs(model, x[:probe])))
    parts = np.array_split(losses, epochs)
    found = {name: [round(value, 6) for value in values] for name, values in found.items()}
    model.compile(optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = [round(float(np.mean(part)), 5) for part in parts]
    return {"versions": installed(PACKAGES), "history": history, **figures(model, *data), **found}


def _data() -> tuple[Array, Array, Array, Array]:
    (x, y), (x_test, y_test) = load_digits()
    return x, y, x_test, y_test


# Looking around at a step

LOSS = SparseCategoricalCrossentropy()


def loss_and_gradient(model: Functional, x: Array, y: Array) -> tuple[float, Array]:
    """The loss of a batch in training mode, and its gradient with respect to all parameters, in one vector."""
    answers = model.forward(x, training=True)
    model.backward(LOSS.backward(y, answers))
    return float(LOSS.forward(y, answers)), np.concatenate([p.grad.ravel() for p in model.parameters])


def move(model: Functional, way: Array) -> None:
    """Add a vector to all parameters."""
    ends = np.cumsum([p.value.size for p in model.parameters])
    for parameter, part in zip(model.parameters, np.split(way, ends[:-1]), strict=True):
        parameter.value += part.reshape(parameter.shape)


def step_along(model: Functional, x: Array, y: Array, rate: float) -> float:
    """One step of SGD; returns the loss before it."""
    loss, gradient = loss_and_gradient(model, x, y)
    move(model, -rate * gradient)
    return loss


@contextlib.contextmanager
def as_it_was(model: Functional) -> Any:
    """What happens to weights, moving averages and random streams inside is undone."""
    weights = model.get_weights()
    streams = [(rng.bit_generator, rng.bit_generator.state) for rng in model.random_streams.values()]
    yield
    model.set_weights(weights)
    for generator, state in streams:
        generator.state = state


def along_the_step(model: Functional, x: Array, y: Array, rate: float) -> dict[str, float]:
    """How far loss and gradient change on the way that the next step goes, at `FACTORS` times the learning rate.

    Math:    g(η) gradient, L(η) loss of the batch at w − η·g(0);  loss_range max L − min L, gradient_change
             max ‖g(η) − g(0)‖, relative_change max ‖g(η) − g(0)‖/‖g(0)‖, over η
    Source:  Santurkar et al. 2018, section 3.1 and figure 4, arXiv:1805.11604
    """
    with as_it_was(model):
        _, here = loss_and_gradient(model, x, y)
    losses, changes = [], []
    for factor in FACTORS:
        with as_it_was(model), np.errstate(all="ignore"):
            move(model, -factor * rate * here)
            loss, there = loss_and_gradient(model, x, y)
            losses.append(loss)
            changes.append(float(np.linalg.norm(there - here)))
    return {
        "loss_range": max(losses) - min(losses),
        "gradient_change": max(changes),
        "relative_change": max(changes) / float(np.linalg.norm(here)),
    }


def gradients_before_and_after(model: Functional, x: Array, y: Array, rate: float) -> float:
    """The cosine of a kernel's gradients before and after the layers in front of it have made their step.

    Mean over all convolutions but the first.

    Source:  Santurkar et al. 2018, definition 2.1, arXiv:1805.11604
    """
    with as_it_was(model):
        loss_and_gradient(model, x, y)
        firsts = {layer.name: layer.kernel.grad.ravel().copy() for layer in convolutions(model)}
        step = [-rate * parameter.grad for parameter in model.parameters]
    cosines = []
    for layer in convolutions(model)[1:]:
        with as_it_was(model):
            for parameter, part in zip(model.parameters, step, strict=True):
                if parameter is layer.kernel:  # parameters come in the order of their layers
                    break
                parameter.value += part
            loss_and_gradient(model, x, y)
            one, other = firsts[layer.name], layer.kernel.grad.ravel()
            cosines.append(float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-30)))
    return float(np.mean(cosines))


def convolutions(model: Functional) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, Conv2D)]


def inputs(model: Functional, x: Array) -> list[tuple[Array, Array]]:
    """Mean and deviation of each channel that goes into a convolution, for all convolutions but the first."""
    given = [taken for layer, taken, _ in model.walk(x, training=True) if isinstance(layer, Conv2D)]
    return [(one.mean((0, 1, 2), dtype=float), one.std((0, 1, 2), dtype=float)) for one in given[1:]]


def distance(before: list[tuple[Array, Array]], after: list[tuple[Array, Array]]) -> float:
    """How far distributions have moved, measured by their own deviation; mean over the layers.

    Math:    √(mean over channels of (Δμ² + Δσ²) / mean of σ²): the Wasserstein distance of normal distributions
    """
    moved = []
    for (mean, deviation), (mean_after, deviation_after) in zip(before, after, strict=True):
        squares = (mean_after - mean) ** 2 + (deviation_after - deviation) ** 2
        moved.append(math.sqrt(squares.mean() / (np.square(deviation).mean() + 1e-30)))
    return float(np.mean(moved))


# What came of it

Range = tuple[float, float]
GUESSING = math.log(10)


@dataclass(frozen=True)
class Prediction:
    """What an explanation says of a number, and what the runs say.

    Attributes:
        explanation: whose prediction it is.
        measure: what is measured.
        values: one for each seed.
        predicted: the range in which the explanation says that their mean lies.
        contradicted: the range in which it must not lie.
        quotient: whether the values are quotients, whose logarithms are averaged.
    """

    explanation: str
    measure: str
    values: tuple[float, ...]
    predicted: Range
    contradicted: Range
    quotient: bool = False

    @property
    def mean(self) -> float:
        return float(np.exp(np.mean(np.log(self.values))) if self.quotient else np.mean(self.values))

    @property
    def interval(self) -> tuple[float, float]:
        values = np.log(self.values) if self.quotient else np.array(self.values)
        if np.ptp(values) == 0:
            return self.mean, self.mean
        low, high = t_interval(values.tolist())
        return (math.exp(low), math.exp(high)) if self.quotient else (low, high)

    @property
    def verdict(self) -> str:
        low, high = self.interval
        for word, (start, end) in ((SUPPORTED, self.predicted), (CONTRADICTED, self.contradicted)):
            if start <= low and high <= end:
                return word
        return UNDECIDED


def by_kind(name: str) -> dict[str, list[Json]]:
    """An experiment's runs by their kind, in the order of their seeds; a run of several kinds is taken apart."""
    kinds: dict[str, list[Json]] = {}
    for record in sorted(load(name), key=lambda record: int(record["run"]["seed"])):
        trainings = record.get("trainings")
        if isinstance(trainings, dict):
            for kind, own in trainings.items():
                kinds.setdefault(kind, []).append(record | {"trainings": own})
        else:
            kinds.setdefault(record["run"].get("kind", ""), []).append(record)
    return kinds


def mean_loss(training: Json) -> float:
    """Of the whole training; `GUESSING` where it broke down."""
    return GUESSING if training["history"] is None else float(np.mean(training["history"]))


def losses_by(records: Sequence[Json]) -> Array:
    """`mean_loss` of each training of each run, (runs, trainings)."""
    return np.array([[mean_loss(training) for training in record["trainings"]] for record in records])


def final(records: Sequence[Json], key: str, broken: float) -> Array:
    """A figure of each training of each run, (runs, trainings); ``broken`` where a training broke down."""
    return np.array([[training.get(key, broken) for training in record["trainings"]] for record in records])


def typical(records: Sequence[Json], key: str) -> Array:
    """The median over the steps at which it was measured, (runs,)."""
    return np.array([np.median(record[key]) for record in records])


def largest_rates(records: Sequence[Json]) -> Array:
    """The largest learning rate with which a run gets more than half of the training images right, (runs,)."""
    tried = np.array(records[0]["settings"]["rates"])
    return np.where(final(records, "accuracy", 0) > 0.5, tried, 0).max(axis=1)


def gains_at_depth() -> dict[tuple[int, str, bool], Array]:
    """The gain by depth, start and skip connections, (runs,)."""
    runs = by_kind("why_depth")
    gains = (losses_by(runs["none"]) - losses_by(runs["batch"])).T
    places = [(t["depth"], t["start"], t["skip"]) for t in runs["none"][0]["trainings"]]
    return dict(zip(places, gains, strict=True))


def predictions() -> list[Prediction]:
    """All of the module's docstring, with what the runs in results/why_* say."""
    found: list[Prediction] = []

    def add(who: str, what: str, values: Any, predicted: Range, contradicted: Range, quotient: bool = False) -> None:
        found.append(Prediction(who, what, tuple(map(float, values)), predicted, contradicted, quotient))

    less, more, above_one, below_half = (-math.inf, 0.0), (0.0, math.inf), (1.0, math.inf), (-math.inf, 0.5)
    runs = by_kind("why_steps")
    loss = {kind: np.array([mean_loss(record) for record in records]) for kind, records in runs.items()}

    def beside(key: str) -> Array:
        return typical(runs["batch"], key) / typical(runs["none"], key)

    who = "internal covariate shift"
    add(who, "motion of the inputs in a step, BN/plain", beside("shift"), below_half, above_one, quotient=True)
    kept = (loss["none"] - loss["noisy"]) - (loss["none"] - loss["batch"]) / 2
    add(who, "gain with noise behind BN, less half of BN's", kept, less, more)
    cosines = typical(runs["batch"], "cosine") - typical(runs["none"], "cosine")
    add("the same, of gradients", "cosine before and after the step of the others, BN - plain", cosines, more, less)
    for what, key in (
        ("range of the loss", "loss_range"),
        ("change of the gradient", "gradient_change"),
        ("the same as a share of the gradient", "relative_change"),
    ):
        add("smoother loss", f"{what}, BN/plain", beside(key), below_half, above_one, quotient=True)

    runs = by_kind("why_rates")
    quotients = largest_rates(runs["batch"]) / largest_rates(runs["none"])
    who = "larger learning rates"
    add(who, "largest rate that works, BN/plain", quotients, (3 - 1e-9, math.inf), (0, 1), quotient=True)
    by_rate = {kind: losses_by(records) for kind, records in runs.items()}
    best = by_rate["none"].argmin(axis=1)[:, None]
    plain, batch = (np.take_along_axis(by_rate[kind], best, axis=1)[:, 0] for kind in ("none", "batch"))
    add(who, "gain at the plain network's best rate", plain - batch, less, more)
    own = {kind: values.min(axis=1) for kind, values in by_rate.items()}
    for kind in ("layer", "group"):
        kept = (own["none"] - own[kind]) - (own["none"] - own["batch"]) / 2
        add("the batch", f"gain of {kind} normalization, less half of BN's", kept, less, more)

    who = "noise as regularisation"
    plain, little, medium, much = final(by_kind("why_noise")[""], "test_loss", GUESSING).T
    add(who, "test loss, little noise - more", little - medium, more, less)
    add(who, "test loss, little noise - much", little - much, more, less)
    add(who, "test loss, plain - BN with more noise", plain - medium, more, less)

    who, gains = "scale at depth", gains_at_depth()
    for start in STARTS:
        grown = gains[16, start, False] - gains[4, start, False]
        add(who, f"gain at 16 layers less that at 4, {start} start", grown, more, less)
    left = gains[16, "he", True] / gains[16, "glorot", False]
    add(who, "gain at 16 layers, both remedies/neither", left, below_half, above_one)
    return found


def table(found: Sequence[Prediction]) -> str:
    """Predictions and verdicts in Markdown."""
    rows = [
        "| explanation | measure | should be | mean over the seeds [95 % interval] | verdict |",
        "|---|---|---|---|---|",
    ]
    for one in found:
        low, high = one.interval
        start, end = one.predicted
        due = f"below {end:g}" if start == -math.inf else f"at least {start:.3g}" if start else "above 0"
        rows.append(
            f"| {one.explanation} | {one.measure} | {due} | {one.mean:.3g} [{low:.3g}, {high:.3g}] | {one.verdict} |"
        )
    return "\n".join(rows)
