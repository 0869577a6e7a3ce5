# %% [markdown]
# # Backprop by hand
#
# Here is a layer whose backward pass is nonsense: whatever comes in, it answers "zero". And here is a test of its
# gradient, of a kind that is soon written: measure the slope of the sum of the outputs, compare. The test passes.
#
# In this tutorial you compute gradients with pencil and paper, for a dense layer, a convolution, a pooling and a
# softmax, on arrays small enough for it. You find the same numbers in the package's layers. Then you know enough to see
# what went wrong with that test, and what to ask in its place.
#
# *To run it: open it in Jupyter ([how](README.md)). It needs no network: all arrays are
# written down here, or come from the bundled digits. The whole notebook takes some seconds; reading it takes half an
# hour, with a pencil an hour. Where it says **Predict**, put your answer into the cell before you run the next one.*

# %%
from dataclasses import replace

import numpy as np
from tinycnn.tutorials.evidence import counted, shown
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import compare, result, show_source
from tinycnn.tutorials.mistakes import MISTAKES

from tinycnn import kernels, losses, plots, utils
from tinycnn.datasets import digits
from tinycnn.gradient_check import check_layer, check_model
from tinycnn.kernels import conv2d, dense, max_pooling2d, softmax_crossentropy
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten, MaxPooling2D, ReLU, Softmax
from tinycnn.sequential import Sequential

utils.set_random_seed(2)
rng = np.random.default_rng(2)


class Lazy(BatchNormalization):
    """Batch normalization with a backward that somebody forgot to write."""

    def backward(self, dy):
        return np.zeros_like(super().backward(dy))


def slope(function, x, index, h=1e-5):
    """How fast function(x) rises when one entry of x does: a difference of two values, divided by the step."""
    up, down = x.copy(), x.copy()
    up[index] += h
    down[index] -= h
    return (function(up) - function(down)) / (2 * h)


x = rng.normal(size=(6, 3))
layer = Lazy(dtype="float64")
layer.build(x.shape)
layer.forward(x, training=True)
claimed = layer.backward(np.ones((6, 3)))
measured = [slope(lambda x: layer.forward(x, training=True).sum(), x, index) for index in np.ndindex(x.shape)]
difference = np.abs(claimed.ravel() - measured).max()
print(f"Largest difference between backward and measured slopes: {difference:.1e}. The test passes.")
assert difference < 1e-8

# %% [markdown]
# ## One question, asked of every layer
#
# Training wants to know one thing: if this weight were a little larger, how would the loss $L$ change? That slope is
# $\partial L/\partial w$. A network is a chain of functions, so the chain rule answers from the end to the beginning,
# and each layer has to answer the same question:
#
# > You turned $x$ into $y$. Somebody behind you found out how the loss depends on your output:
# > $dy = \partial L/\partial y$. How does it depend on your input, $dx = \partial L/\partial x$, and on your weights?
#
# That is the whole of backprop: `dx = layer.backward(dy)`. We write `d` + name for the gradient of the loss with
# respect to a name, as the package does, and each gradient has the shape of what it belongs to.
#
# ## Dense: every output is a weighted sum
#
# One sample with three features, two units. Do it on paper first: two sums of three products, plus a bias.

# %%
x = np.array([[1.0, 2.0, -1.0]])
kernel = np.array([[2.0, 0.0], [1.0, -1.0], [0.0, 3.0]])
bias = np.array([1.0, 0.0])
layer = Dense(2, dtype="float64")
layer.build(x.shape)
layer.set_weights([kernel, bias])
z = layer.forward(x, training=True)
plots.arrays([("x", x), "·", ("kernel", kernel), "+", ("bias", bias), "=", ("z", z)], title="A dense layer, forward")

# %% [markdown] tags=["derived"]
# Now backward. Somebody hands us $dz = (1, -2)$: if $z_1$ grows by a little, the loss grows by the same; if $z_2$
# grows, the loss falls twice as fast. Three questions:
#
# - **The bias.** $z_k = \dots + b_k$: raise $b_k$ by one, and $z_k$ rises by one. So $db_k = dz_k$.
# - **A weight.** $z_k = \sum_i x_i w_{ik}$: raise $w_{ik}$ by one, and $z_k$ rises by $x_i$. So $dw_{ik} = x_i\,dz_k$.
#   A weight on a feature that was zero gets no gradient: it had no say.
# - **An input.** $x_i$ is used in *every* $z_k$. Effects add up: $dx_i = \sum_k w_{ik}\,dz_k$.
#
# With several samples in a batch, each weight is used once a sample, so its gradient is a sum over the batch. Written
# with matrices, that is all there is to it:

# %%
show_source(dense.dense_forward, dense.dense_backward_parameters, dense.dense_backward_input)

# %%
dz = np.array([[1.0, -2.0]])
dx = layer.backward(dz)
dkernel = layer.grads["kernel"]
print(f"dbias = {layer.grads['bias']}")
plots.arrays(
    [("xᵀ", x.T), "·", ("dz", dz), "=", ("dkernel", dkernel)],
    [("dz", dz), "·", ("kernelᵀ", kernel.T), "=", ("dx", dx)],
    title="A dense layer, backward",
)

# %% [markdown]
# Do you believe it? The layer is linear in each weight, so there is a check that needs neither calculus nor small
# steps: make a weight larger by *one* and see by how much $L = \sum_k dz_k z_k$ changes. <!-- derived --> That must be
# the gradient, to the last digit.

# %%
raised = np.zeros((3, 2))
for i, k in np.ndindex(3, 2):
    larger = kernel.copy()
    larger[i, k] += 1
    raised[i, k] = np.sum(dz * (dense.dense_forward(x, larger, bias) - z))
print("L changes, when a weight grows by one, by\n", raised, "\nand dkernel is\n", dkernel)
assert np.array_equal(raised, dkernel)

# %% [markdown]
# ## Convolution: the same weights, again and again
#
# A 4x4 image and a 3x3 kernel: the window fits in four places, so the output is 2x2. Lay the kernel on the framed
# window, multiply what lies on each other, add up, add the bias.

# %%
image = np.array([[1.0, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 2], [1, 1, 0, 1]])
kernel = np.array([[1.0, 0, -1], [2, 1, 0], [0, -1, 1]])
layer = Conv2D(1, 3, dtype="float64")
layer.build((None, 4, 4, 1))
layer.set_weights([kernel.reshape(3, 3, 1, 1), np.array([1.0])])
z = layer.forward(image.reshape(1, 4, 4, 1), training=True)[0, :, :, 0]


def window(i, j):
    """The pixels that output (i, j) looks at, as a mask of the image."""
    mask = np.zeros((4, 4), bool)
    mask[i : i + 3, j : j + 3] = True
    return mask


def only(i, j, shape=(2, 2)):
    mask = np.zeros(shape, bool)
    mask[i, j] = True
    return mask


plots.arrays(
    [("image", image, window(0, 1)), "∗", ("kernel", kernel), "+ 1 =", ("z", z, only(0, 1))],
    title="A convolution, forward: one window, one output",
)

# %% [markdown]
# There are two ways to write the loops. You can go from output to output and look at a window each time, as the picture
# does. Or you can go from *weight to weight*: each of the nine looks at a shifted 2x2 part of the image, and adds that
# part, times itself, to the output. The sum is the same; the second way needs only nine steps, however large the image
# is, and is how the package says it:

# %%
show_source(conv2d.tap, conv2d.conv2d_forward, docstring=False)

# %%
by_windows = np.zeros((2, 2))
for i, j in np.ndindex(2, 2):
    by_windows[i, j] = np.sum(image[i : i + 3, j : j + 3] * kernel) + 1
by_weights = np.ones((2, 2))
for a, b in np.ndindex(3, 3):
    by_weights += image[a : a + 2, b : b + 2] * kernel[a, b]
print(
    "window by window:",
    by_windows.tolist(),
    "\nweight by weight:",
    by_weights.tolist(),
    "\nthe layer:       ",
    z.tolist(),
)
assert np.array_equal(by_windows, z)
assert np.array_equal(by_weights, z)

# %% [markdown]
# **Backward, the kernel.** A weight $w_{ab}$ is used once in each window, on the pixel $x_{i+a,\,j+b}$. Raise it by
# one, and $z_{ij}$ rises by that pixel. All windows count:
#
# $$dw_{ab} = \sum_{i,j} x_{i+a,\,j+b}\; dz_{ij}$$
#
# So the gradient of the kernel is itself a convolution: $dz$ slides over the image. The frame shows what the weight in
# the middle of the top row has seen.

# %%
dz = np.array([[1.0, -2.0], [3.0, 1.0]])
dx = layer.backward(dz.reshape(1, 2, 2, 1))[0, :, :, 0]
dkernel = layer.grads["kernel"][:, :, 0, 0]
seen = np.zeros((4, 4), bool)
seen[0:2, 1:3] = True
plots.arrays(
    [("image", image, seen), "∗", ("dz", dz), "=", ("dkernel", dkernel, only(0, 1, (3, 3)))],
    title="A convolution, backward: the kernel's gradient",
)

# %% [markdown] tags=["derived"]
# **Backward, the image.** Turn the picture of the forward pass around. Output $z_{ij}$ was made from a window; now it
# hands its gradient back to that window, to each pixel as much as the pixel's weight says: $dz_{ij}$ times the kernel.
# Windows overlap, and where they do, contributions add up.

# %% [markdown]
# **Predict.** What is the gradient of the pixel in row two, column two (counted from one)? It lies in all four windows.
# A whole number; $dz$ and the kernel stand above.

# %% tags=["predict"]
guess_pixel = ...  # a whole number

# %%
parts = []
for i, j in np.ndindex(2, 2):
    part = np.zeros((4, 4))
    part[i : i + 3, j : j + 3] = dz[i, j] * kernel
    parts.append((f"{dz[i, j]:.0f} · kernel".replace("-", "−"), part, window(i, j)))
total = np.sum([part for _, part, _ in parts], axis=0)
assert np.array_equal(total, dx)
compare(guess_pixel, dx[1, 1])
plots.arrays(
    [" ", parts[0], "+", parts[1]],
    ["+", parts[2], "+", parts[3]],
    ["=", ("dx", dx)],
    title="A convolution, backward: the image's gradient",
)

# %%
show_source(conv2d.conv2d_backward_parameters, conv2d.conv2d_backward_input, docstring=False)

# %% [markdown]
# Read `conv2d_backward_input` beside `conv2d_forward`: the same double loop over the same `tap`, with `=` turned
# around. What the forward pass reads, the backward pass writes to.
#
# A convolution is linear in its weights and in its image, so raising each entry by one works again:

# %%
weights, x4 = kernel.reshape(3, 3, 1, 1), image.reshape(1, 4, 4, 1)
for name, array, gradient in (("kernel", weights, dkernel), ("image", x4, dx)):
    raised = []
    for index in np.ndindex(array.shape):
        array[index] += 1
        changed = conv2d.conv2d_forward(x4, weights, np.ones(1), (1, 1), (1, 1))[0, :, :, 0]
        array[index] -= 1
        raised.append(np.sum(dz * (changed - z)))
    print(f"{name}: all {len(raised)} gradients are what L changes by: {np.array_equal(raised, gradient.ravel())}")
    assert np.array_equal(raised, gradient.ravel())

# %% [markdown]
# ## Pooling: the winner takes all
#
# Max pooling keeps the largest pixel of each 2x2 window. If a pixel that was not the largest grows a little, nothing
# changes: its gradient is zero. If the largest grows, the output grows with it: it gets the whole gradient. So the
# layer has to remember one thing on the way forward, *where* each maximum stood. (Frames: the winners.)

# %%
pixels = np.array([[1.0, 2, 0, 0], [4, 3, 0, 0], [0, 1, 2, 5], [1, 0, 5, 3]])
pooling = MaxPooling2D(dtype="float64")
pooling.build((None, 4, 4, 1))
y = pooling.forward(pixels.reshape(1, 4, 4, 1), training=True)[0, :, :, 0]
dy = np.array([[1.0, -2.0], [3.0, 5.0]])
dx = pooling.backward(dy.reshape(1, 2, 2, 1))[0, :, :, 0]
winners = dx != 0
plots.arrays(
    [("x", pixels, winners), "→", ("y", y)],
    [("dx", dx, winners), "←", ("dy", dy)],
    title="Max pooling, forward and backward",
)

# %%
show_source(max_pooling2d.max_pooling2d_forward, max_pooling2d.max_pooling2d_backward, docstring=False)

# %% [markdown]
# Three of the windows hold a tie, and the picture shows the rule: the *first* maximum, row by row, takes the gradient,
# and the others get nothing. A maximum has a kink where two pixels are equal, so there is no derivative there, and any
# answer in between would be a legal one. But one answer has to be given, and Keras gives this one.
#
# A rare case, you may think.
#
# **Predict.** Take a convolution with a relu that has learned nothing yet, show it digits, and look at the 2x2 windows
# of its maps. In what share of them is the largest value there more than once? A number from 0 to 100, in per cent.

# %% tags=["predict"]
guess_tied = ...  # a number from 0 to 100

# %%
(train, labels), _ = digits.load_data()
tied, at_zero = [], []
for seed in (2, 3, 4):
    utils.set_random_seed(seed)
    maps = Conv2D(32, 3, activation="relu")(train[:100, :, :, None] / 255)
    windows = maps.reshape(100, 13, 2, 13, 2, 32).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 4)
    largest = windows.max(axis=1)
    ties = np.sum(windows == largest[:, None], axis=1) > 1
    tied.append(100 * ties.mean())
    at_zero.append(100 * np.mean(largest[ties] == 0))
compare(guess_tied, tied[0], " %")
shown("windows that are tied", tied, above=50, unit=" %")
shown("of these: tied at zero", at_zero, above=90, unit=" %")

# %% [markdown]
# More than half of them, and nearly all at zero. <!-- shown: windows that are tied, of these: tied at zero --> Where a
# window is all zero, the rule does not matter: the relu behind the winner blocks the gradient
# anyway, because its own slope at zero is taken as zero. <!-- derived --> That is luck, and it depends on the order of
# layers. The rule does not.
#
# ## Softmax and cross-entropy: the difference that is left
#
# At the end of the network stand numbers $z_k$, one a class. Softmax turns them into probabilities, and the loss is the
# surprise at the right class $t$:
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} \qquad l = -\log p_t = \log \sum_j e^{z_j} - z_t$$
#
# Take the derivative of the right side. The logarithm of the sum gives $e^{z_k}/\sum_j e^{z_j}$, which is $p_k$ again;
# the last term gives $-1$ for $k = t$ and nothing else. With $y$ for the label as a row of zeros with a one in it, and
# the mean over $n$ samples:
#
# $$\frac{\partial L}{\partial z} = \frac{p - y}{n}$$
#
# What the network said, less what it should have said. The logarithm and the exponential have gone.

# %%
z = np.array([[2.0, 0.0, -1.0], [0.0, 3.0, 1.0]])
right = np.array([0, 2])
p, surprise, gradient = softmax_crossentropy.softmax_crossentropy(z, right)
y = utils.to_categorical(right, 3)
print(f"The losses are {surprise.round(3)}: the second sample is sure, and wrong.")
assert np.allclose(gradient, p - y)
assert surprise[1] > surprise[0]


def mean_loss(z):
    return softmax_crossentropy.softmax_crossentropy(z, right)[1].mean()


measured = np.array([slope(mean_loss, z, index) for index in np.ndindex(z.shape)]).reshape(z.shape)
print(f"Largest difference between (p − y)/n and measured slopes: {np.abs((p - y) / 2 - measured).max():.0e}")
assert np.allclose((p - y) / 2, measured, atol=1e-9)
plots.arrays([("p", p), "−", ("y", y), "=", ("p − y", p - y)], title="Softmax and cross-entropy, backward, times n")

# %% [markdown]
# Each row of $p - y$ adds up to zero: what the right class is pushed up, the others are pushed down. Keep this in mind.
#
# ## All of it, in a chain
#
# A convolution, a relu, a pooling and a dense layer with softmax, on the 4x4 image. Watch the shapes: the gradient that
# goes back through a layer has the shape of what went forward.

# %%
model = Sequential(
    [
        Conv2D(2, 3, activation="relu", input_shape=(4, 4, 1)),
        MaxPooling2D(),
        Flatten(),
        Dense(3, activation="softmax"),
    ],
    name="small",
    dtype="float64",
)
crossentropy = losses.SparseCategoricalCrossentropy()
signal, target = x4, np.array([1])
for layer in model.layers:
    signal = layer.forward(signal, training=True)
    print(f"forward   {type(layer).__name__:13} {signal.shape!s:13} {signal.ravel().round(2)}")
print(f"loss      {crossentropy(target, signal):.4f}")
signal = crossentropy.backward(target, signal)
for layer in reversed(model.layers):
    signal = layer.backward(signal)
    print(f"backward  {type(layer).__name__:13} {signal.shape!s:13} {signal.ravel().round(2)[:9]}")

# %% [markdown]
# Each layer knows nothing of the others. `Sequential.fit` does just this, and then takes a step against the gradients.
#
# ## How would you know?
#
# You have found the formulas on paper, so you trust them. But who writes a layer on a Friday evening? Nothing crashes:
# a wrong gradient has the right shape. And the network may learn all the same. [Tutorial
# 07](07_wrong_gradients_learn.ipynb) has networks with a batch normalization whose backward lacks one of its terms.

# %%
lacking = 100 * np.array(result("gallery/bn_without_x_hat")["accuracy"])
counted("five trainings", {"a term is missing": lacking}, 5)
shown("test accuracy where a term is missing", lacking, above=90, unit=" %")

# %% [markdown]
# In each of five trainings it reads more than nine digits out of ten. <!-- shown: five trainings, test accuracy where a
# term is missing --> Learning proves nothing.
#
#
# But the forward pass can be *asked*: wiggle a number, look at what the loss does. By
# Taylor's series, the difference to both sides is
#
# $$\frac{L(\theta + h) - L(\theta - h)}{2h} = L'(\theta) + \frac{h^2}{6} L'''(\theta) + \dots$$
#
# so it wants a small $h$. But $L$ is stored with a rounding error of about $\varepsilon |L|$, and dividing by $h$ blows
# that up: too small a step is bad, and so is too large a one. <!-- derived --> The difference to one side only has an
# error of order $h$. We measure the slope of the loss above with all the steps one may think of.
#
# **Predict.** In float64, with a difference to both sides: which step comes out best? A power of ten, by its exponent:
# a number from $-13$ to $0$.

# %% tags=["predict"]
guess_exponent = ...  # a number from -13 to 0

# %%
steps = np.geomspace(1e-13, 1, 53)
exact = (p - y) / 2


def errors(dtype, both_sides):
    """Of the measured slopes, relative to the true ones: (logits, steps)."""
    found = []
    for index in np.ndindex(z.shape):
        for h in steps:
            up, down = z.astype(dtype), z.astype(dtype)
            up[index] += dtype(h)
            down[index] -= dtype(h if both_sides else 0)
            width = dtype(2 * h if both_sides else h)
            difference = softmax_crossentropy.softmax_crossentropy(up, right)[1].mean()
            difference -= softmax_crossentropy.softmax_crossentropy(down, right)[1].mean()
            found.append(abs(difference / width - exact[index]) / abs(exact[index]))
    return np.reshape(found, (z.size, len(steps)))


curves = {
    "float64, both sides": errors(np.float64, True),
    "float64, one side": errors(np.float64, False),
    "float32, both sides": errors(np.float32, True),
}
best = steps[curves["float64, both sides"].argmin(axis=1)]
compare(guess_exponent, np.median(np.log10(best)))
for name, found in curves.items():
    print(f"{name}: with the best step an error of {found.min(axis=1).min():.0e} to {found.min(axis=1).max():.0e}")
shown("float64: error of the best step", curves["float64, both sides"].min(axis=1), below=1e-9)
shown("float32: error of the best step", curves["float32, both sides"].min(axis=1), above=1e-7)
plots.difference_errors(steps, {name: np.median(found, axis=0) for name, found in curves.items()})

# %% [markdown]
# (The curves show the median over the six logits.) Both ends are bad, and what is good in float64 is not to be had in
# float32: there the best step leaves an error a hundred times that of float64's best, or
# more. <!-- shown: float64: error of the best step, float32: error of the best step --> So gradients are
# checked in float64, with a difference to both sides and a step near $\varepsilon^{1/3}$. `check_layer` does that, for
# the input and for every parameter:

# %%
print(check_layer(Conv2D(2, 3, activation="relu"), (2, 4, 4, 1)))

# %%
model.compile(loss="sparse_categorical_crossentropy")
checked = check_model(model, image.reshape(1, 4, 4, 1), target)
print(checked)
assert checked.passed

# %% [markdown] tags=["derived"]
# ## The test that passes
#
# A layer's output is an array, and a slope needs one number. The obvious number is the sum of the outputs, $L = \sum
# y$. Its upstream gradient is one everywhere: $dy = 1$. That is the test at the top, and now you can say what is wrong
# with it.
#
# Batch normalization makes the mean of each channel zero, then adds $\beta$. The sum of its outputs over a batch of $m$
# values is therefore $m\beta$ a channel, *whatever the input is*. A softmax's outputs add up to one, whatever its input
# is. The sum is a constant. Its true gradient is zero. And a backward that always returns zero is, for this one
# question, right.
#
# The cure is to ask another question, one that nobody has a standing answer to: $L = \sum r\,y$ with *random* numbers
# $r$, so that $dy = r$. Let us plant a few bugs and ask both.

# %% [markdown]
# **Predict.** Four layers with a bug, below: a batch normalization whose backward returns zero, one that forgets that
# the variance depends on the input, a softmax whose backward returns zero, a dense layer whose $dx$ has a factor of two
# too much. How many of the four does the test with ones catch? And the test with random numbers? Two whole numbers.

# %% tags=["predict"]
guess_ones = ...  # a whole number from 0 to 4
guess_random = ...  # a whole number from 0 to 4


# %%
def agrees(layer, x, dy):
    """Whether backward(dy) is the slope of sum(dy * forward(x)), to one part in a hundred thousand."""
    layer.build(x.shape)
    layer.forward(x, training=True)
    claimed = layer.backward(dy.copy())

    def total(x):
        return np.sum(dy * layer.forward(x, training=True))

    measured = np.array([slope(total, x, index) for index in np.ndindex(x.shape)]).reshape(x.shape)
    return np.allclose(claimed, measured, rtol=1e-5, atol=1e-7)


class WithoutTheXHatTerm(BatchNormalization):
    """Forgets that the variance depends on the input, too."""

    def backward(self, dy):
        variance = self._saved[3]
        super().backward(dy)
        return self.gamma.value / np.sqrt(variance + self.epsilon) * (dy - dy.mean(axis=0))


class LazySoftmax(Softmax):
    """A backward that was never written."""

    def backward(self, dy):
        return np.zeros_like(super().backward(dy))


class DoubledDense(Dense):
    """A factor of two too much."""

    def backward(self, dy):
        return 2 * super().backward(dy)


x = rng.normal(size=(6, 3))
bugs = [
    ("batch normalization, always zero", Lazy),
    ("batch normalization without its x̂ term", WithoutTheXHatTerm),
    ("softmax, always zero", LazySoftmax),
    ("dense, twice too much", lambda **options: DoubledDense(3, **options)),
    ("batch normalization, correct", BatchNormalization),
    ("softmax, correct", Softmax),
]
verdicts = {}
for name, make in bugs:
    ones = agrees(make(dtype="float64"), x, np.ones((6, 3)))
    random = agrees(make(dtype="float64"), x, rng.normal(size=(6, 3)))
    verdicts[name] = ones, random
    print(f"{name:40} dy = 1: {'passes' if ones else 'caught':8} dy random: {'passes' if random else 'caught'}")
compare(guess_ones, sum(not verdicts[name][0] for name, _ in bugs[:4]), " with ones")
compare(guess_random, sum(not verdicts[name][1] for name, _ in bugs[:4]), " with random numbers")
assert all(verdicts[name] == (True, False) for name, _ in bugs[:3])
assert verdicts["dense, twice too much"] == (False, False)
assert all(verdicts[name] == (True, True) for name, _ in bugs[4:])

# %% [markdown]
# Three of the four bugs pass the test with ones. The second of them is almost a batch normalization: it is the one
# whose networks learned, above.
#
# The package's checker asks with random numbers only, and says which mistake it believes to see:

# %%
checked = check_layer(Lazy(), (6, 3))
print(checked)
assert not checked.passed

# %% [markdown]
# Every layer of the package stands this test, through the loops that train, in `tests/test_gradient_check.py`; the same
# file plants some dozens of bugs and shows that each is caught. `python -m tinycnn.gradient_check` asks the three
# models.

# %% [markdown]
# ## Exercises
#
# Each has a cell for your answer. It checks itself; `...` is "not answered yet".

# %% [markdown] tags=["exercise"]
# ### 1. On paper
#
# The image and the kernel of the convolution above, but $dz$ is one in the upper left corner, minus one in the lower
# left, and zero elsewhere. What is the gradient of the kernel's middle weight, and that of the image's pixel in row
# three, column two? (Counted from one.)
#
# The answer: two whole numbers.

# %% tags=["answer"]
answer_weight = ...
answer_pixel = ...
check("02.1", answer_weight, answer_pixel)

# %% [markdown] tags=["exercise"]
# ### 2. Average pooling
#
# Average pooling takes the mean of each 2x2 window. Write its backward pass in one line of NumPy, for one image of one
# channel.
#
# The answer: a function of $dy$, an array of shape (h, w), that returns $dx$, an array of shape (2h, 2w).


# %% tags=["answer"]
answer_backward = ...  # a function: answer_backward(dy) -> dx
check("02.2", answer_backward)

# %% [markdown] tags=["exercise"]
# ### 3. Find the question
#
# For a softmax over three classes, ones are not the only bad upstream gradient. Find one for six samples whose rows are
# not all the same, and for which a backward that returns zero is right all the same, whatever the input is.
#
# The answer: an array of shape (6, 3).

# %% tags=["answer"]
answer_dy = ...
check("02.3", answer_dy)

# %% [markdown] tags=["exercise"]
# ### 4. Random is not enough
#
# A relu whose backward forgets to block the gradient returns $dx = dy$. For some inputs it passes *any* upstream
# gradient, random or not. For which?
#
# The answer: such an input, an array of shape (6, 3).

# %% tags=["answer"]
answer_input = ...
check("02.4", answer_input)

# %% [markdown] tags=["exercise"]
# ### 5. Ties
#
# Somebody checks a 2x2 max pooling whose backward pays *all* ties the whole gradient, on inputs drawn from a normal
# distribution. Does the check see the bug? And give an image on which it would be seen.
#
# The answer: `"yes"` or `"no"`; and an array of shape (4, 4).

# %% tags=["answer"]
answer_seen = ...  # "yes" or "no"
answer_image = ...
check("02.5", answer_seen, answer_image)

# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution", "derived"]
# **1.** Only two windows count. The middle weight sees the pixel in the middle of each: $x_{22} - x_{32}$. The pixel in
# row three, column two lies at the lower edge of the first window and in the middle of the other: $w_{32} - w_{22}$.

# %% tags=["solution"]
weight, pixel = image[1, 1] - image[2, 1], kernel[2, 1] - kernel[1, 1]
print(f"the middle weight: {weight:.0f}, the pixel: {pixel:.0f}")
assert check("02.1", weight, pixel)

# %% [markdown] tags=["solution", "derived"]
# **2.** Each of the four pixels of a window has a quarter of a say.


# %% tags=["solution"]
def average_backward(dy):
    return np.kron(dy, np.full((2, 2), 1 / 4))


assert check("02.2", average_backward)

# %% [markdown] tags=["solution", "derived"]
# **3.** Each *row* of a softmax adds up to one. So any $dy$ that is constant within each row asks for a constant,
# however the rows differ. (For the same reason the rows of $p - y$ add up to zero: adding a constant to all logits
# changes nothing.)

# %% tags=["solution"]
constant_rows = np.repeat(rng.normal(size=(6, 1)), 3, axis=1)
passes = agrees(LazySoftmax(dtype="float64"), x, constant_rows)
print(f"A softmax that always returns zero passes with random rows of equal numbers: {passes}")
assert passes
assert check("02.3", constant_rows)

# %% [markdown] tags=["solution", "derived"]
# **4.** For inputs that are all positive, where a relu is the identity. Random upstream gradients are not enough: the
# inputs have to reach both sides.


# %% tags=["solution"]
class OpenRelu(ReLU):
    """A backward that lets everything through."""

    def backward(self, dy):
        super().backward(dy)
        return dy


random = rng.normal(size=(6, 3))
print(f"positive inputs: {'passes' if agrees(OpenRelu(dtype='float64'), np.abs(x) + 1, random) else 'caught'}")
print(f"inputs of both signs: {'passes' if agrees(OpenRelu(dtype='float64'), x, random) else 'caught'}")
assert agrees(OpenRelu(dtype="float64"), np.abs(x) + 1, random)
assert not agrees(OpenRelu(dtype="float64"), x, random)
assert check("02.4", np.abs(x) + 1)

# %% [markdown] tags=["solution", "derived"]
# **5.** It does not: two numbers drawn from a continuous distribution are equal with probability zero. The input must
# hold ties, and there the slope to the left is not the slope to the right. `check_layer` has a row of its own for that,
# "input at ties", with inputs of $-1$, $0$ and $1$.

# %% tags=["solution"]
generous = MaxPooling2D()
generous.kernels = replace(kernels.REFERENCE, **MISTAKES["pooling_all_ties"].kernels)
found = check_layer(generous, (2, 4, 4, 1))
print(found)
assert found["input"].passed
assert not found["input at ties"].passed
assert check("02.5", "no", np.ones((4, 4)))
