# %% [markdown]
# # Batch normalization
#
# A network has learned its training images almost by heart; `fit` says so. Then `evaluate` measures the loss on *the
# very same images*, with the very same weights, and says that it can hardly tell them apart. Nobody has made a
# mistake, and Keras does the same. What is going on?
#
# Batch normalization is. To find out why, you look at what it computes, and when it computes something else. On the way
# you derive its gradient, watch a network die without it, see what becomes of it in batches of two, and in the end make
# it disappear from a finished model without changing a single prediction.
#
# *To run it: open it in Jupyter from a clone of the repository ([how](README.md)). It needs no network: everything is
# trained on the bundled digits, and what took longer is read from [results](results). All of it takes about thirty
# seconds; reading takes half an hour.*

# %%
import numpy as np
from scipy import stats
from tinycnn.tutorials import experiments, normalization
from tinycnn.tutorials.helpers import show_source
from tinycnn.tutorials.normalization import compiled, network

from tinycnn import inspection, plots
from tinycnn.gradient_check import check_layer
from tinycnn.inspection import Monitor
from tinycnn.kernels import batch_normalization
from tinycnn.layers import BatchNormalization
from tinycnn.normalization import fold_batch_normalization, recalibrate_batch_normalization

(x, y), (x_test, y_test) = normalization.load_digits()
EPOCHS = 10
steps_per_epoch = -(-len(x) // 32)

# %% [markdown]
# ## Same data, different loss
#
# Here is the notebook's third network, with a batch normalization behind each relu, and the notebook's training: Adam,
# batches of 32. After every epoch we ask `evaluate` about the images that have just been learned, and keep the weights.

# %%
show_source(network)


# %%
def train(model):
    """What fit says of every epoch, what evaluate says after it about the same images, and the weights."""
    fit, evaluated, weights = [], [], []
    for _ in range(EPOCHS):
        history = model.fit(x, y, epochs=1, verbose=0).history
        fit.append([history["loss"][0], history["accuracy"][0]])
        evaluated.append(model.evaluate(x, y, verbose=0))
        weights.append(model.get_weights())
    return np.array(fit), np.array(evaluated), weights


model = compiled(network(seed=2))
fit, evaluated, weights = train(model)
for epoch in (1, 5, 10):
    (loss, accuracy), (other_loss, other) = fit[epoch - 1], evaluated[epoch - 1]
    print(f"Epoch {epoch}: fit says loss {loss:.3f}, accuracy {accuracy:.1%}.")
    print(f"{'evaluate, on the same images':>29} {other_loss:.3f}, accuracy {other:.1%}.")
assert fit[4:, 1].min() > 0.95, "fit says that the images are learned"
assert evaluated[4, 1] < 0.7, "evaluate says that they are not"

# %%
epochs = np.arange(1, EPOCHS + 1)
plots.line_chart(
    {"fit": (epochs, fit[:, 1]), "evaluate, same images": (epochs, evaluated[:, 1])},
    "epoch",
    "accuracy on the training images",
    "The same images, the same weights",
    levels={"guessing": 0.1},
)

# %% [markdown]
# Is it our bug? Keras, from the same weights and with the same batches, has it too. (`python -m tutorials.experiments
# same_data` trained both, with several seeds.)

# %%
same = experiments.load("same_data")
curves = {
    name: [r["evaluate"]["accuracy"] for r in same if r["run"]["framework"] == framework]
    for framework, name in (("keras", "Keras"), ("tinycnn", "tinycnn"))
}
for name, several in curves.items():
    last = ", ".join(f"{run[-1]:.0%}" for run in several)
    print(f"{name}: after ten epochs, evaluate on the training images says {last}.")
said = [r["fit"]["accuracy"][-1] for r in same]
print(f"And fit said, of the same images, {min(said):.1%} to {max(said):.1%}.")
assert min(said) > 0.95
assert all(np.max(np.array(several)[:, 3]) < 0.8 for several in curves.values()), "not so in the fourth epoch"
plots.line_chart(
    {f"{name}, {len(several)} seeds": (epochs, several) for name, several in curves.items()},
    "epoch",
    "accuracy in evaluate",
    "Both frameworks fail alike on what they have learned",
)

# %% [markdown]
# Remember how far the seeds are apart: "about three quarters after ten epochs" is one draw out of a wide range. What
# they share is that `fit` and `evaluate` disagree.
#
# ## Two computations with one name
#
# Batch normalization has two forward passes. In training each channel is normalised with the mean and the variance *of
# this very batch*:
#
# $$\mu = \frac1m\sum_i x_i \qquad \sigma^2 = \frac1m\sum_i (x_i-\mu)^2 \qquad
# \hat x_i = \frac{x_i-\mu}{\sqrt{\sigma^2+\varepsilon}} \qquad y_i = \gamma\hat x_i + \beta$$
#
# For a dense layer $m$ is the number of images; for a convolution it is images times height times width. In inference
# there may be a single image. It should get the same answer whoever else is in the batch, so there the layer takes an
# average of the statistics that it has seen in training: `moving_mean` and `moving_variance`. This is all of it:

# %%
show_source(
    batch_normalization.batch_normalization_forward,
    batch_normalization.batch_normalization_inference,
    BatchNormalization.update_moving_statistics,
    docstring=False,
)

# %% [markdown]
# Four numbers are enough to see the two passes part.

# %%
four = np.array([[1.0], [2.0], [3.0], [6.0]])
layer = BatchNormalization(dtype="float64")
layer.build(four.shape)
print("in inference, before any training:", layer.forward(four).ravel().round(2))
print("in training:                      ", layer.forward(four, training=True).ravel().round(2))
print("in inference, after one step:     ", layer.forward(four).ravel().round(2))
print(f"The batch's mean and variance are {four.mean():g} and {four.var():g}; the moving ones, after one step,")
print(f"{layer.moving_mean[0]:.3f} and {layer.moving_variance[0]:.3f}.")
assert np.allclose(layer.moving_mean, 0.01 * four.mean())

# %% [markdown]
# A fresh layer in inference does next to nothing: it believes in mean 0 and variance 1, its starting values. And it
# changes its mind slowly, by one part in a hundred a step.
#
# ## How long is the start remembered?
#
# Write the update out, for $n$ steps with batch statistics $s_1, \dots, s_n$:
#
# $$\text{moving}_n = 0.99^n\,\text{start} \;+\; 0.01\sum_{k=1}^{n} 0.99^{\,n-k}\,s_k$$
#
# The start weighs $0.99^n$. The notebook made 1,563 steps an epoch, and nothing was left of it. Our set is small: 46
# steps an epoch.

# %%
n = np.arange(1, EPOCHS * steps_per_epoch + 1)
for steps in (steps_per_epoch, 100, 5 * steps_per_epoch, 10 * steps_per_epoch, 1563):
    print(f"After {steps:4} steps the start still weighs {0.99**steps:.2g}.")
recalibrate_batch_normalization(model, x)  # now moving_variance is the true one, over all the images
layers = [layer for layer in model.layers if isinstance(layer, BatchNormalization)]
true = {layer.name: float(np.median(layer.moving_variance)) for layer in layers}
model.set_weights(weights[-1])
plots.line_chart(
    {"momentum 0.99": (n, 0.99**n), "momentum 0.9": (n[:80], 0.9 ** n[:80])},
    "training steps",
    "what is left of the starting value",
    "How long the starting value 1 is remembered, beside true variances",
    levels={f"true variance, BN {i}": true[f"normalization_{i}"] for i in (1, 2)},
    log_y=True,
)

# %% [markdown]
# Ten epochs leave about a hundredth of the start. That does not sound like much, and many an explanation stops here.
# But a hundredth *of what*? Of a variance of 1. Look at the levels: behind the first convolution the true variance of
# a channel is far below that. The images are mostly black, and the kernels are still small.

# %%
left = 0.99 ** (EPOCHS * steps_per_epoch)
first = true["normalization_1"]
epsilon = layers[0].epsilon
print(f"After ten epochs {left:.4f} of the starting variance 1 is left. The true variance there is {first:.5f}:")
print(f"the rest of the start is {left / first:.0f} times the truth.")
shrunk = np.sqrt((first + epsilon) / (first + left + epsilon))
print(f"So in inference the first layer's outputs have {shrunk:.0%} of the size that the next layer is used to.")
needed = int(np.ceil(np.log(first) / np.log(0.99)))
print(f"The start falls below the true variance after {needed} steps: {needed / steps_per_epoch:.0f} epochs.")
assert left > 2 * first, "what is left of the start outweighs the truth"

# %% [markdown]
# Is the start really to blame, or is it that the averages lag behind weights that move? The formula above lets us
# take the start out, exactly, and leave everything else: $(\text{moving}_n - 0.99^n\,\text{start})/(1 - 0.99^n)$.
# (You know this from Adam, which corrects its averages so. Batch normalization does not, in Keras as here.)


# %%
def without_start(weights, steps):
    """The weights of a model, with the starting values taken out of the moving statistics."""
    model.set_weights(weights)
    rest = 0.99**steps
    for layer in layers:
        layer.moving_mean[...] = layer.moving_mean / (1 - rest)  # the means start at 0
        layer.moving_variance[...] = (layer.moving_variance - rest) / (1 - rest)


measured = (1, 2, 4, 6, 8, 10)
corrected, exact = [], []
for epoch in measured:
    kept = weights[epoch - 1]
    without_start(kept, epoch * steps_per_epoch)
    corrected.append(model.evaluate(x, y, verbose=0)[1])
    model.set_weights(kept)
    recalibrate_batch_normalization(model, x)
    exact.append(model.evaluate(x, y, verbose=0)[1])
print(f"Without the start evaluate says {corrected[0]:.1%} after the first epoch, where it said {evaluated[0, 1]:.1%}.")
print(f"It never says less than {min(corrected):.1%}.")
assert np.mean(corrected) > 0.9 > np.mean(evaluated[:, 1]) + 0.2

# %% [markdown]
# The start it was. What remains is the lag, and the noise of single batches.
#
# ## Two ways to mend it
#
# **A smaller momentum.** With `BatchNormalization(momentum=0.9)` the start is gone within an epoch. The price: the
# average reaches back some ten batches only, so it is noisier. (In PyTorch's words this is momentum `0.1`, its
# default.)
#
# **Compute the statistics anew.** The weights are fine; only the averages are not. So show the finished network all
# the training images once more, layer by layer, and take their true mean and variance. That is
# `recalibrate_batch_normalization(model, x)`, done above for the line "exact statistics". No weight changes, and no
# label is needed.

# %%
quick = compiled(network(momentum=0.9, seed=2))
_, quickly, _ = train(quick)
print(f"After ten epochs, of the same images: evaluate {evaluated[-1, 1]:.1%}, with momentum 0.9 {quickly[-1, 1]:.1%},")
print(f"with recomputed statistics {exact[-1]:.1%}.")
assert quickly[-1, 1] > 0.9
assert exact[-1] > 0.97
plots.line_chart(
    {
        "evaluate": (epochs, evaluated[:, 1]),
        "start taken out": (measured, corrected),
        "momentum 0.9": (epochs, quickly[:, 1]),
        "exact statistics": (measured, exact),
    },
    "epoch",
    "accuracy on the training images",
    "One fault, and what mends it",
)

# %% [markdown]
# On a large set you will not notice any of this: it takes a small set, large batches or a short training. It is the
# same question behind "my validation loss explodes in the first epochs".
#
# ## The way back
#
# Now the gradient. Somebody hands us $dy_i = \partial L/\partial y_i$ for a channel of a batch; we want $dx_i$. What
# makes it interesting: $x_i$ reaches the loss on three ways. Directly, through $\mu$, and through $\sigma^2$: each
# image has a say in what becomes of all the others. We go back through the four formulas, from the last to the first,
# and measure every step: `slope` moves one number a little and leaves alone what the formula leaves alone.

# %%
rng = np.random.default_rng(3)
rows, gamma, beta, eps = rng.normal(2, 3, (8, 3)), rng.normal(size=3), rng.normal(size=3), 1e-3
dy = rng.normal(size=rows.shape)  # random, as the tutorial on backprop advises
m = len(rows)
mean, variance = rows.mean(axis=0), rows.var(axis=0)
std = np.sqrt(variance + eps)
normalised = (rows - mean) / std


def slope(loss, at, h=1e-5):
    """The slope of loss(at) in each entry of ``at``: central differences."""
    slopes = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] = h
        slopes[index] = (loss(at + step) - loss(at - step)) / (2 * h)
    return slopes


def agree(name, derived, measured):
    difference = np.abs(derived - measured).max()
    print(f"{name}: derived and measured differ by {difference:.1e} at most.")
    assert difference < 1e-7


# %% [markdown]
# **1. Scale and shift.** $y_i = \gamma\hat x_i + \beta$. $\beta$ is added to every row and $\gamma$ multiplies every
# row, so their effects add up over the batch:
#
# $$d\beta = \sum_i dy_i \qquad d\gamma = \sum_i dy_i\,\hat x_i \qquad d\hat x_i = \gamma\,dy_i$$

# %%
dbeta, dgamma, dnormalised = dy.sum(axis=0), (dy * normalised).sum(axis=0), gamma * dy
agree("dbeta ", dbeta, slope(lambda beta: np.sum(dy * (gamma * normalised + beta)), beta))
agree("dgamma", dgamma, slope(lambda gamma: np.sum(dy * (gamma * normalised + beta)), gamma))
agree("dx̂    ", dnormalised, slope(lambda xhat: np.sum(dy * (gamma * xhat + beta)), normalised))

# %% [markdown]
# **2. The variance.** $\hat x_i = (x_i-\mu)(\sigma^2+\varepsilon)^{-1/2}$. Hold $x$ and $\mu$, move $\sigma^2$. Every
# row feels it:
#
# $$d\sigma^2 = \sum_i d\hat x_i\,(x_i-\mu)\cdot\left(-\tfrac12\right)(\sigma^2+\varepsilon)^{-3/2}$$

# %%
dvariance = (dnormalised * (rows - mean)).sum(axis=0) * -0.5 * (variance + eps) ** -1.5


def loss_of(x, mean, variance):
    return np.sum(dy * (gamma * (x - mean) / np.sqrt(variance + eps) + beta))


agree("dvariance", dvariance, slope(lambda variance: loss_of(rows, mean, variance), variance))

# %% [markdown]
# **3. The mean.** $\mu$ stands in $\hat x_i$, and in $\sigma^2 = \frac1m\sum(x_i-\mu)^2$ once more:
#
# $$d\mu = -\sum_i \frac{d\hat x_i}{\sqrt{\sigma^2+\varepsilon}} \;+\; d\sigma^2\cdot\frac{-2}{m}\sum_i(x_i-\mu)$$
#
# The second sum is zero: deviations from the mean add up to nothing. At its minimum the variance does not mind if the
# mean moves a little.

# %%
dmean = -(dnormalised / std).sum(axis=0)


def loss_of_mean(mean):
    return loss_of(rows, mean, np.square(rows - mean).mean(axis=0))


agree("dmean", dmean, slope(loss_of_mean, mean))
print(f"The second term is {np.abs(dvariance * -2 / m * (rows - mean).sum(axis=0)).max():.1e}.")

# %% [markdown]
# **4. The input**, on its three ways:
#
# $$dx_i = \underbrace{\frac{d\hat x_i}{\sqrt{\sigma^2+\varepsilon}}}_{\text{directly}}
# + \underbrace{d\sigma^2\,\frac{2(x_i-\mu)}{m}}_{\text{through the variance}}
# + \underbrace{\frac{d\mu}{m}}_{\text{through the mean}}$$

# %%
dx = dnormalised / std + dvariance * 2 * (rows - mean) / m + dmean / m


def loss_of_input(x):
    return loss_of(x, x.mean(axis=0), x.var(axis=0))


agree("dx", dx, slope(loss_of_input, rows))

# %% [markdown]
# **5. Fold it.** Put $d\sigma^2$ and $d\mu$ in, take $\gamma/\sqrt{\sigma^2+\varepsilon}$ out, and recognise
# $\hat x$, $d\gamma$ and $d\beta$ in what is left:
#
# $$dx_i = \frac{\gamma}{\sqrt{\sigma^2+\varepsilon}}
# \left(dy_i - \frac{d\beta}{m} - \hat x_i\,\frac{d\gamma}{m}\right)$$
#
# Three lines of code, and they are the package's:

# %%
show_source(batch_normalization.batch_normalization_backward)

# %%
code = batch_normalization.batch_normalization_backward(dy, rows, gamma, mean, variance, eps)
for name, derived, theirs in zip(("dx", "dgamma", "dbeta"), (dx, dgamma, dbeta), code, strict=True):
    agree(name, derived, theirs)
print(check_layer(BatchNormalization(), (8, 3)))

# %% [markdown]
# Read the formula once more. It takes from the gradient its mean, and its part along $\hat x$. What is left has no mean
# and (but for $\varepsilon$) nothing along $\hat x$: no image can ask that all of them be brighter, or all of them have
# more contrast. The next forward pass would undo it anyway.

# %%
print(f"sum of dx over the batch: {np.abs(dx.sum(axis=0)).max():.1e}")
print(
    f"dx along x̂, as a share of their lengths: {np.abs((dx * normalised).sum(axis=0)).max() / np.sum(np.abs(dx)):.1e}"
)
assert np.abs(dx.sum(axis=0)).max() < 1e-12
assert np.abs((dx * normalised).sum(axis=0)).max() < 1e-3 * np.sum(np.abs(dx))

# %% [markdown]
# ## What it does to a network that learns
#
# A `Monitor` looks into four trainings: without and with batch normalization, at the notebook's learning rate and at
# a hundred times that. We look at what the dense layer gets to see, the output of the second pooling.

# %%
monitors, said = {}, {}
for rate in (0.001, 0.1):
    for place, name in (("none", "plain"), ("after", "BN")):
        monitor = Monitor(x[:128], y[:128], every=30)
        watched = compiled(network(place, seed=2), rate)
        history = watched.fit(x, y, epochs=2, verbose=0, callbacks=[monitor]).history
        monitors[f"{name}, {rate:g}"] = monitor
        said[f"{name}, {rate:g}"] = history["accuracy"][-1]
watching = monitors["plain, 0.001"].steps
plots.histograms_over_training(
    {name: monitor.activations["pooling_2"] for name, monitor in monitors.items()},
    watching,
    "activation",
    "What the dense layer sees, at two learning rates",
    share_x=False,
)

# %%
growth = {}
for name, monitor in monitors.items():
    std = monitor.activations["pooling_2"]["std"]
    growth[name] = std[-1] / std[0]
    print(f"{name:>11}: deviation {std[0]:.3f} at the start, {std[-1]:.3f} at the end,", end=" ")
    print(f"{growth[name]:.2f} times as large; accuracy in epoch 2: {said[name]:.1%}")
assert growth["plain, 0.001"] > 3
assert growth["plain, 0.1"] < 0.1
assert 0.7 < growth["BN, 0.001"] < 1.4
assert 0.5 < growth["BN, 0.1"] < 3

# %% [markdown]
# Without normalization the dense layer's inputs change their size severalfold in the first steps: it learns on ground
# that moves. With it, each channel leaves the normalization with a deviation of $\gamma$, which begins at 1: the size
# stays, and even at the high learning rate, where $\gamma$ itself takes large steps, it changes little. The plain
# network has nothing left there but a bar at zero. The gradients:

# %%
plots.histograms_over_training(
    {name: monitor.gradients["pooling_2"] for name, monitor in monitors.items()},
    watching,
    "gradient",
    "What comes back to the second pooling",
    share_x=False,
)

# %% [markdown]
# A bar at zero again: nothing comes back, so nothing in front of it will ever change. Why? Count the relus that are
# zero for *every* image: dead ones. A relu passes a gradient on only where it is open.

# %%
for name, monitor in monitors.items():
    dead = {layer: share[-1] for layer, share in monitor.dead_relu_share.items()}
    print(f"{name:>11}: " + ", ".join(f"{layer} {share:.0%} dead" for layer, share in dead.items()))
plots.line_chart(
    {name: (watching, monitor.dead_relu_share["dense_3"]) for name, monitor in monitors.items()},
    "training steps",
    "share of dead relus in the dense layer",
    "Who is still alive?",
)

# %%
dead = {name: monitor.dead_relu_share["dense_3"][-1] for name, monitor in monitors.items()}
print(f"Dead in the dense layer at 0.1: {dead['plain, 0.1']:.0%} without, {dead['BN, 0.1']:.0%} with normalization.")
assert dead["plain, 0.1"] > 0.95
assert dead["BN, 0.1"] < 0.8
assert said["plain, 0.1"] < 0.3 < 0.8 < said["BN, 0.1"]

# %% [markdown]
# One step of Adam moves every weight by about the learning rate, whatever the gradient's size. Make it large, and one
# step can push a bias, or all weights of a unit, so far down that its relu never opens again. With batch
# normalization in front, about half of a layer's inputs are below average and half above, at every moment, so it is
# harder to shut the unit for all of them. It does not make it impossible: here the normalization stands *behind* the
# relu, and some of its units died.
#
# ## Where plain dies and batch normalization lives
#
# The same for more learning rates and seeds (`python -m tutorials.experiments learning_rates`); two epochs each, then
# the accuracy on the training images, with exact statistics. The line is the median, the band goes from the worst
# seed to the best.

# %%
sweep = experiments.load("learning_rates")
rates = sweep[0]["settings"]["rates"]
accuracy = {
    place: np.array([r["accuracy"] for r in sweep if r["run"]["place"] == place]) for place in ("none", "after")
}
for rate, none, after in zip(rates, accuracy["none"].T, accuracy["after"].T, strict=True):
    print(f"{rate:6g}: plain {none.min():4.0%} to {none.max():4.0%}, BN {after.min():4.0%} to {after.max():4.0%}")
alive = {
    place: [rate for rate, a in zip(rates, found.T, strict=True) if a.min() > 0.5] for place, found in accuracy.items()
}
print(f"Every seed gets more than half of the images right up to {max(alive['none']):g} without,")
factor = max(alive["after"]) / max(alive["none"])
print(f"and up to {max(alive['after']):g} with batch normalization: {factor:.0f} times as far.")
assert max(alive["after"]) > max(alive["none"])
plots.line_chart(
    {"plain": (rates, accuracy["none"]), "batch normalization": (rates, accuracy["after"])},
    "learning rate of Adam",
    "accuracy after two epochs",
    "The range of learning rates that work",
    levels={"guessing": 0.1},
    log_x=True,
)

# %% [markdown]
# That is the robust half of the claim "batch normalization speeds up training": it widens the range of learning rates
# that work. At the small end of the range it is ahead, too. What a learning rate that suits *each* of the two would
# do, after many epochs, is another question; [tutorial 05](05_were_the_inferences_right.ipynb) asks it of the
# notebook's setting.
#
# ## Before or after the relu?
#
# The paper puts it before the nonlinearity, the notebook behind it, and asks which is right. Four pairs of trainings
# on 5,000 images of MNIST, each pair from the same kernels (`python -m tutorials.experiments placement`); measured on
# the 10,000 test images, with exact statistics, so that no moving average blurs the answer. We are interested in the
# difference within the pairs, and in an interval for its mean.

# %%
pairs = experiments.load("placement")
differences, intervals = {}, {}
for name, unit, scale in (("loss", "", 1), ("accuracy", " points", 100)):
    difference = scale * np.array([pair["before"][name] - pair["after"][name] for pair in pairs])
    half = stats.t.ppf(0.975, len(pairs) - 1) * difference.std(ddof=1) / np.sqrt(len(pairs))
    low, high = difference.mean() - half, difference.mean() + half
    verdict = "these pairs do not decide it" if low < 0 < high else "more than noise, here"
    print(f"{name}, before minus after, in {len(pairs)} pairs: " + ", ".join(f"{d:+.3f}" for d in difference))
    print(f"    mean {difference.mean():+.3f}{unit}, 95 % interval {low:+.3f} to {high:+.3f}: {verdict}.")
    panel = f"test {name}{f', in{unit}' if unit else ''}"
    differences[panel], intervals[panel] = {"before − after": difference}, {"before − after": (low, high)}
plots.paired_differences(differences, intervals, title="Normalization before or after the relu")

# %% [markdown]
# Whatever the verdict above: it holds for this network, these images and this length of training. The reasons on both
# sides are good ones. Before the relu, a unit can hardly die: its inputs are centred, so about half of them are
# positive. Behind it, the *next* layer gets centred inputs. Two differences are no matter of taste: before the relu,
# the bias of the layer in front is useless (exercise 3), and the normalization can be folded into that layer (below).
#
# ## Batches of 2 to 512
#
# The statistics are estimates from a batch, and a small batch is a poor sample. At its poorest:

# %%
layer = BatchNormalization(epsilon=1e-12, dtype="float64")
layer.build((2, 3))
for two in ([[1.0, 5.0, -3.0], [2.0, 900.0, -3.1]], [[0.1, 7.0, 2.0], [0.2, 7.5, 50.0]]):
    print(layer.forward(np.array(two), training=True).round(3).tolist())
    assert np.allclose(np.abs(layer.forward(np.array(two), training=True)), 1, atol=1e-3)

# %% [markdown]
# In a batch of two, each normalised number is plus or minus one: all that is left is *which of the two was larger*. (A
# convolution has it easier: its $m$ counts pixels, too.)
#
# How much of the network's answer is noise of that kind? Take the network trained above, touch no weight, and let it
# answer in training mode, in batches of different sizes.


# %%
def in_batches(size, most=24):
    """Loss and accuracy of the training images in training mode, from at most so many batches."""
    order = np.random.default_rng(0).permutation(len(x))
    losses, correct = [], []
    for start in range(0, min(len(x) - size + 1, most * size), size):
        batch = order[start : start + size]
        p = inspection.activations(model, x[batch], training=True)["dense_4"]
        losses.extend(-np.log(p[np.arange(size), y[batch]] + 1e-7))
        correct.extend(p.argmax(axis=1) == y[batch])
    return float(np.mean(losses)), float(np.mean(correct))


sizes = (2, 4, 8, 16, 32, 64, 128, 256, 512)
model.set_weights(weights[-1])
recalibrate_batch_normalization(model, x)
loss_alone, accuracy_alone = model.evaluate(x, y, verbose=0)
by_size = [in_batches(size) for size in sizes]
print(f"Each image for itself, with exact statistics: loss {loss_alone:.3f}, accuracy {accuracy_alone:.1%}.")
for size, (loss, right) in zip(sizes, by_size, strict=True):
    print(f"In batches of {size:3}: loss {loss:.3f}, accuracy {right:.1%}.")
assert by_size[0][0] > 5 * by_size[4][0], "in batches of two the loss is many times that in batches of 32"
assert by_size[0][1] < 0.97
plots.line_chart(
    {"in training mode": (sizes, [loss for loss, _ in by_size])},
    "batch size",
    "loss on the training images",
    "The same weights, in company of different size",
    levels={"inference, exact statistics": loss_alone},
    log_x=True,
    log_y=True,
)

# %% [markdown]
# And if one *trains* with such batches? Three epochs each, plain and with batch normalization, measured on the test
# images (`python -m tutorials.experiments batch_sizes`). Small batches make more steps of an epoch, so compare the
# two networks at one size rather than one network at two sizes.

# %%
trained = experiments.load("batch_sizes")
sizes = trained[0]["settings"]["sizes"]
tested = {
    place: np.array([r["test_accuracy"] for r in trained if r["run"]["place"] == place]) for place in ("none", "after")
}
moving = np.array([r["moving_accuracy"] for r in trained if r["run"]["place"] == "after"])
for size, none, after, as_is in zip(sizes, tested["none"].T, tested["after"].T, moving.T, strict=True):
    print(f"{size:3}: plain {none.min():.1%} to {none.max():.1%}, BN {after.min():.1%} to {after.max():.1%}; ", end="")
    print(f"of the training images, with the moving averages, {np.median(as_is):.0%}")
large = sizes.index(512)
steps = trained[0]["settings"]["epochs"] * -(-len(x) // 512)
print(f"Batches of 512 make {steps} steps in all: the start of the averages still weighs {0.99**steps:.0%}.")
assert np.median(tested["after"][:, large]) > np.median(tested["none"][:, large])
assert np.median(moving[:, large]) < 0.6
assert np.median(tested["after"][:, 0]) < np.median(tested["none"][:, 0]), "in batches of two it does harm"
plots.line_chart(
    {
        "plain": (sizes, tested["none"]),
        "BN, exact statistics": (sizes, tested["after"]),
        "BN, moving averages": (sizes, moving),
    },
    "batch size",
    "accuracy after three epochs",
    "Trained in batches of 2 to 512",
    log_x=True,
)

# %% [markdown]
# Three things at once. Large batches make few steps, and there batch normalization gets further with each. In batches
# of two the noise costs more than the normalization gains: plain is better. And the moving averages, measured here on
# the training images, tell the story of the beginning again: few steps, and `evaluate` has not heard of them yet.
#
# ## Make it disappear
#
# In inference the statistics are constants, so batch normalization is a scale and a shift for each channel:
# $y = s\,x + t$ with $s = \gamma/\sqrt{\text{moving variance}+\varepsilon}$ and $t = \beta - s\cdot\text{moving mean}$.
# A convolution or dense layer beside it is linear as well, and two linear maps in a row are one:
#
# - *before the relu*: into the layer in front, $s\,(x * k + b) + t = x * (s\,k) + (s\,b + t)$;
# - *behind the relu*: forward into the next layer, $(s\,x + t) * k + b = x * (s\,k) + (b + t * k)$. A max pooling on
#   the way does not mind as long as $s > 0$: the largest stays the largest.
#
# `fold_batch_normalization` does either, and refuses what it cannot do.

# %%
ahead = compiled(network("before", momentum=0.9, seed=2))
ahead.fit(x, y, epochs=1, verbose=0)
for name, trained_model in (("before", ahead), ("after", model)):
    folded = fold_batch_normalization(trained_model)
    old, new = trained_model.predict(x_test, verbose=0), folded.predict(x_test, verbose=0)
    print(f"{name}: {len(trained_model.layers)} layers become {len(folded.layers)},", end=" ")
    print(f"{trained_model.count_params():,} numbers {folded.count_params():,}.", end=" ")
    print(f"The largest difference of a probability, over {len(x_test)} images: {np.abs(old - new).max():.1e}.")
    assert np.abs(old - new).max() < 1e-4
    assert (old.argmax(axis=1) == new.argmax(axis=1)).mean() > 0.99
    assert not any(isinstance(layer, BatchNormalization) for layer in folded.layers)

# %% [markdown]
# So a finished network pays nothing for batch normalization. It was scaffolding.
#
# ## Exercises
#
# 1. *On paper.* The batch is $(1, 2, 3, 6)$, with $\gamma = 1$, $\beta = 0$ and $\varepsilon = 0$. What is $\hat x$?
#    The gradient $dy = (1, 0, 0, 0)$ asks for the first output only. What is $dx$? Why is it not zero for the other
#    three?
# 2. Which momentum lets the start weigh less than a hundredth after *one* epoch of our 46 steps? How far back does
#    such an average reach, if you count the batches that weigh more than a hundredth?
# 3. With batch normalization before the relu, the bias of the convolution in front gets no gradient. Why? Show it,
#    and show that behind the relu it does.
# 4. A batch of a single image, in training mode, behind a dense layer: what does batch normalization make of it?
#    Predict the network's answers to two different images, each in a batch of its own, if only the normalization
#    behind the last dense layer worked in training mode.
# 5. Multiply a kernel in front of a batch normalization by ten. What happens to the output, and what to the kernel's
#    gradient? What does this have to do with large learning rates?

# %% [markdown]
# ## Solutions
#
# **1.** The mean is 3, the variance $14/4$. The three others get a gradient because the first one is a part of
# *their* mean and *their* variance.

# %%
normalised = (four - 3) / np.sqrt(3.5)
paper = (np.array([[1.0], [0], [0], [0]]) - 1 / 4 - normalised * normalised[0] / 4) / np.sqrt(3.5)
one = np.array([[1.0], [0.0], [0.0], [0.0]])
dx, _, _ = batch_normalization.batch_normalization_backward(
    one, four, np.ones(1), four.mean(axis=0), four.var(axis=0), 0.0
)
print("x̂ =", normalised.ravel().round(3), "  dx =", dx.ravel().round(3))
assert np.allclose(dx, paper)
assert abs(dx.sum()) < 1e-12
assert np.abs(dx[1:]).min() > 0.01

# %% [markdown]
# **2.** $q^{46} < 1/100$ means $q < 0.01^{1/46}$. A batch that is $k$ steps old weighs $(1-q)\,q^k$.

# %%
q = 0.01 ** (1 / steps_per_epoch)
reach = int(np.log(0.01 / (1 - q)) / np.log(q)) + 1
print(f"A momentum below {q:.3f}; {reach} batches weigh more than a hundredth each.")
assert q**steps_per_epoch <= 0.01 * (1 + 1e-9)
assert (1 - q) * q ** (reach - 1) > 0.01 > (1 - q) * q**reach

# %% [markdown]
# **3.** A bias adds the same number to the whole channel; the mean takes it away again. In the formula: the gradient
# of the bias is the sum of $dx$ over the batch, and that is zero. Behind the relu, the bias decides which units are
# open before anything is normalised.

# %%
sizes_of = {}
for place in ("before", "after"):
    found = inspection.gradients(compiled(network(place, seed=1)), x[:64], y[:64])["conv2d_2"].parameters
    sizes_of[place] = np.abs(found["bias"]).max() / np.abs(found["kernel"]).max()
    print(f"{place}: the bias has a gradient of {sizes_of[place]:.1e}, measured by the kernel's largest.")
assert sizes_of["before"] < 1e-3 < sizes_of["after"]

# %% [markdown]
# **4.** A single row is its own mean: $\hat x = 0$, and the output is $\beta$, whatever the image. The two answers
# are the same.

# %%
layer = model.get_layer("normalization_3")
hidden = inspection.activations(model, x[:2])["dense_3"]
answers = []
for row in hidden:
    alone, _, _ = batch_normalization.batch_normalization_forward(
        row[None], layer.gamma.value, layer.beta.value, layer.epsilon
    )
    answers.append(model.get_layer("dense_4").forward(alone))
print(f"The images show {y[0]} and {y[1]}; alone, both are read as {answers[0].argmax()}.")
assert y[0] != y[1]
assert np.allclose(answers[0], answers[1], atol=1e-6)

# %% [markdown]
# **5.** The output stays as it is (but for $\varepsilon$): mean and deviation grow tenfold with it. So the loss stays
# as it is, while the kernel is ten times as large: per unit of the kernel the loss changes a tenth as fast, and the
# gradient is a tenth. A step that was too large makes the kernel large, and a large kernel makes the next steps count
# less: the network brakes by itself.

# %%
small = compiled(network("before", seed=1))
large_one = compiled(network("before", seed=1))
for scaled in (small, large_one):
    for layer in scaled.layers:
        if isinstance(layer, BatchNormalization):
            layer.epsilon = 1e-9
large_one.get_layer("conv2d_2").kernel.value[...] *= 10
one, ten = (inspection.gradients(one, x[:64], y[:64])["conv2d_2"].parameters["kernel"] for one in (small, large_one))
outputs = [inspection.activations(one, x[:64], training=True)["dense_4"] for one in (small, large_one)]
print(f"The predictions differ by {np.abs(outputs[0] - outputs[1]).max():.1e},", end=" ")
print(f"the gradient is {np.linalg.norm(one) / np.linalg.norm(ten):.2f} times smaller.")
assert np.abs(outputs[0] - outputs[1]).max() < 1e-3
assert abs(np.linalg.norm(one) / np.linalg.norm(ten) - 10) < 0.5
