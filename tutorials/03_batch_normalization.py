# %% [markdown]
# # Batch normalization
#
# A network has learned its training images almost by heart; `fit` says so. Then `evaluate` measures the loss on *the
# very same images*, with the very same weights, and says that it can hardly tell them apart. Nobody has made a
# mistake, and Keras does the same. What is going on?
#
# Batch normalization is. To find out why, you look at what it computes, and when it computes something else. On the way
# you derive its gradient, watch networks die without it, see what becomes of it in batches of two, and in the end fold
# it into its neighbours until nothing of it is left in a finished model.
#
# *To run it: open it in Jupyter ([how](README.md)). It needs no network: it trains on the bundled digits, and reads
# what its experiments gave from [results](results). All of it takes some sixty seconds; reading takes half an hour.
# Where it says **Predict**, put your answer in the cell before you run the next one.*

# %%
import numpy as np
from scipy import stats
from tinycnn.tutorials import experiments, normalization
from tinycnn.tutorials.evidence import counted, shown
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import compare, show_source
from tinycnn.tutorials.normalization import compiled, network, without_start

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

# %% [markdown]
# **Predict.** `fit` will say that the network reads nearly all of its training images. What does `evaluate` say of
# these very images, with the weights that the network has after the fifth epoch? Write down the accuracy in percent: a
# number from 0 to 100.

# %% tags=["predict"]
guess_evaluate = ...  # a number from 0 to 100


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
compare(guess_evaluate, 100 * evaluated[4, 1], " %")

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
# Is it our bug? Keras, from the same weights and with the same batches, has it too: in the fourth epoch what `fit` says
# and what `evaluate` says are far apart, in all eight runs. <!-- shown: runs, fit less evaluate in the fourth epoch -->
# (`python -m tutorials.experiments same_data` trained both.)

# %%
same = experiments.load("same_data")
frameworks = {"Keras": ("keras", 0.99), "tinycnn": ("tinycnn", 0.99)}
kept = {
    name: [r for r in same if (r["run"]["framework"], r["run"]["momentum"]) == own] for name, own in frameworks.items()
}
curves = {name: [r["evaluate"]["accuracy"] for r in records] for name, records in kept.items()}
for name, several in curves.items():
    last = ", ".join(f"{run[-1]:.0%}" for run in several)
    print(f"{name}: after ten epochs, evaluate on the training images says {last}.")
together = kept["Keras"] + kept["tinycnn"]
counted("runs", {"both": together}, 8)
told, measured_then = (np.array([r[part]["accuracy"][3] for r in together]) for part in ("fit", "evaluate"))
shown("fit less evaluate in the fourth epoch", 100 * (told - measured_then), above=40, unit=" points")
plots.line_chart(
    {f"{name}, {len(several)} seeds": (epochs, several) for name, several in curves.items()},
    "epoch",
    "accuracy in evaluate",
    "Two frameworks, measured on what they have learned (lines: medians)",
)

# %% [markdown]
# Look how far the seeds are apart after ten epochs: what a single training says then is one draw out of a wide range.
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
# The start weighs $0.99^n$. The notebook made 1,563 steps an epoch, and next to nothing was left of it after the
# first. Our set is small: 46 steps an epoch.

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
# But a hundredth *of what*? Of a variance of 1. Look at the levels: behind the first convolution the true variance of a
# channel is far below that, and what is left of the start outweighs it many times over. <!-- shown: the start's rest as
# a multiple of the first true variance -->
#
# **Predict.** In inference the first normalization divides by the root of what it believes the variance to be: the
# truth plus the rest of the start. How large are its outputs then, in percent of those that the next layer is used
# to from training? A number from 0 to 100.

# %% tags=["predict"]
guess_size = ...  # a number from 0 to 100

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
ours = kept["tinycnn"]
variances = [r["exact"]["first_variance"][-1] for r in ours] + [first]  # five seeds, and the training above
shown("the start's rest as a multiple of the first true variance", left / np.array(variances), above=5)
compare(guess_size, 100 * shrunk, " %")

# %% [markdown]
# Is the start really to blame, or is it that the averages lag behind weights that move? The formula above lets us take
# the start out, exactly, and leave everything else: $(\text{moving}_n - 0.99^n\,\text{start})/(1 - 0.99^n)$. (You know
# this from Adam, which corrects its averages so. Batch normalization does not, in Keras as here.) One training is an
# anecdote, so beside the one above stand the five of the experiment. <!-- shown: seeds -->

# %%
show_source(without_start)

# %%
measured = (1, 2, 3, 4, 6, 8, 10)
corrected, exact = [], []
for epoch in measured:
    model.set_weights(weights[epoch - 1])
    without_start(model, epoch * steps_per_epoch)
    corrected.append(model.evaluate(x, y, verbose=0)[1])
    recalibrate_batch_normalization(model, x)
    exact.append(model.evaluate(x, y, verbose=0)[1])


def runs_of(part, own):
    """Accuracies (runs, epochs) at the epochs measured: five seeds, and the training above."""
    return np.array([[r[part]["accuracy"][epoch - 1] for epoch in measured] for r in ours] + [own])


counted("seeds", {"of the experiment": ours}, 5)
with_start = runs_of("evaluate", [evaluated[epoch - 1, 1] for epoch in measured])
no_start, all_images = runs_of("without_start", corrected), runs_of("exact", exact)
for i in (0, 3, 6):
    then, otherwise = with_start[:, i], no_start[:, i]
    print(f"After epoch {measured[i]:2} evaluate says {then.min():4.0%} to {then.max():4.0%};", end=" ")
    print(f"without the start {otherwise.min():4.0%} to {otherwise.max():4.0%}.")
shown("accuracy in epochs 1 to 4 with the start", 100 * with_start[:, :4], below=60, unit=" %")
shown("accuracy in epochs 1 to 4 without the start", 100 * no_start[:, :4], above=90, unit=" %")
counted("trainings", {"these": no_start}, 6)
print(f"Without the start, the lowest accuracy of all is {no_start.min():.1%}.")

# %% [markdown]
# In the first four epochs, the start it was: nothing else was taken away, and the accuracy is there, in all six
# trainings. <!-- shown: accuracy in epochs 1 to 4 with the start, accuracy in epochs 1 to 4 without the start,
# trainings --> It is not the whole story. Look at the last line: without the start, too, a training falls back now and
# then. What lies between that line and the exact statistics can be two things only: the lag of averages over weights
# that have moved on, and the noise of single batches. <!-- derived -->
#
# ## Two ways to mend it
#
# **Another momentum.** With `BatchNormalization(momentum=0.9)` the start is gone within an epoch, and from the second
# on `evaluate` says nearly what `fit` says. <!-- shown: accuracy after epochs 2 to 10 with the other momentum --> The
# price: the average reaches back some ten batches only, so it is noisier. <!-- derived --> (In PyTorch's words this is
# momentum `0.1`, its default.)
#
# **Compute the statistics anew.** The weights are fine; only the averages are not. <!-- shown: accuracy with exact
# statistics --> So show the finished network all the training images once more, layer by layer, and take their true
# mean and variance. That is `recalibrate_batch_normalization(model, x)`, done above for the line "exact statistics". No
# weight changes, and no label is needed.

# %%
quick = compiled(network(momentum=0.9, seed=2))
_, quickly, _ = train(quick)
print(f"After ten epochs, of the same images: evaluate {evaluated[-1, 1]:.1%}, with momentum 0.9 {quickly[-1, 1]:.1%},")
print(f"with recomputed statistics {exact[-1]:.1%}.")
others = [r["evaluate"]["accuracy"] for r in same if r["run"]["momentum"] == 0.9]
others = np.array([*others, quickly[:, 1]])
shown("accuracy after epochs 2 to 10 with the other momentum", 100 * others[:, 1:], above=90, unit=" %")
shown("accuracy with exact statistics", 100 * all_images, above=97, unit=" %")
plots.line_chart(
    {
        "evaluate": (epochs, evaluated[:, 1]),
        "start taken out": (measured, corrected),
        "momentum 0.9": (epochs, quickly[:, 1]),
        "exact statistics": (measured, exact),
    },
    "epoch",
    "accuracy on the training images",
    "One fault, and what mends it (one training)",
)

# %% [markdown]
# In the notebook you notice none of this: after its first epoch the start weighs next to nothing. It takes few
# steps: a small set, large batches, a short training. Whoever sees a validation loss that explodes in the first epochs
# should count them.
#
# ## The way back
#
# Now the gradient. Somebody hands us $dy_i = \partial L/\partial y_i$ for a channel of a batch; we want $dx_i$. The
# interesting part: $x_i$ reaches the loss on three ways. Directly, through $\mu$, and through $\sigma^2$: each
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

# %% [markdown] tags=["derived"]
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
# A `Monitor` looks into trainings without and with batch normalization, at the notebook's learning rate and at a
# hundred times that, from three seeds each. <!-- shown: seeds of each --> We look at what the dense layer gets to see,
# the output of the second pooling. The pictures show the first seed; the sentences hold for all three.

# %%
monitors, said = {}, {}
for rate in (0.001, 0.1):
    for place, name in (("none", "plain"), ("after", "BN")):
        for seed in (2, 3, 4):
            monitor = Monitor(x[:128], y[:128], every=30)
            watched = compiled(network(place, seed=seed), rate)
            history = watched.fit(x, y, epochs=2, verbose=0, callbacks=[monitor]).history
            monitors.setdefault(f"{name}, {rate:g}", []).append(monitor)
            said.setdefault(f"{name}, {rate:g}", []).append(history["accuracy"][-1])
counted("seeds of each", monitors, 3)
watching = monitors["plain, 0.001"][0].steps
plots.histograms_over_training(
    {name: group[0].activations["pooling_2"] for name, group in monitors.items()},
    watching,
    "activation",
    "What the dense layer sees, at two learning rates (seed 2)",
)

# %%
growth = {}
for name, group in monitors.items():
    deviations = [monitor.activations["pooling_2"]["std"] for monitor in group]
    growth[name] = [std[-1] / std[0] for std in deviations]
    print(f"{name:>9}: times the first deviation " + ", ".join(f"{g:.2f}" for g in growth[name]), end="; ")
    print("accuracy in epoch 2 " + ", ".join(f"{accuracy:.0%}" for accuracy in said[name]))
shown("growth of the deviation without BN", growth["plain, 0.001"], above=3)
shown("growth with BN", growth["BN, 0.001"], above=0.7, below=1.4)
shown("growth with BN at a hundred times the rate", growth["BN, 0.1"], above=0.5, below=3)

# %% [markdown]
# Without normalization the dense layer's inputs change their size severalfold in the first steps: it learns on ground
# that moves. <!-- shown: growth of the deviation without BN --> With it, each channel leaves the normalization with a
# deviation of $\gamma$, which begins at 1. <!-- derived --> The size stays, and even at the high learning rate, where
# $\gamma$ itself takes large steps, it changes little. <!-- shown: growth with BN, growth with BN at a hundred times
# the rate -->
#
# Ioffe and Szegedy ([2015, arXiv:1502.03167](https://arxiv.org/abs/1502.03167)) called the moving ground *internal
# covariate shift*, and held that batch normalization speeds up training because it reduces it. <!-- quoted -->
# Santurkar and others ([2018, arXiv:1805.11604](https://arxiv.org/abs/1805.11604)) put noise behind the normalization,
# so that the inputs moved more than without any, and still these networks trained better than plain ones. <!-- quoted
# --> So what you see here is what batch normalization *does*. Whether that is why it helps, these pictures do not say;
# tutorial 08, on why it helps, puts the explanations to the test. <!-- derived -->
#
# Back to the high learning rate. The gradients:

# %%
plots.histograms_over_training(
    {name: group[0].gradients["pooling_2"] for name, group in monitors.items()},
    watching,
    "gradient",
    "What comes back to the second pooling (seed 2)",
)

# %% [markdown]
# A bar at zero: nothing comes back, so nothing in front of it will ever change. Why? Count the relus that are zero for
# *every* image: dead ones. A relu passes a gradient on only where it is open.

# %%
dead = {name: np.array([m.dead_relu_share["dense_3"] for m in group]) for name, group in monitors.items()}
for name, shares in dead.items():
    print(f"{name:>9}: dead in the dense layer at the end " + ", ".join(f"{share:.0%}" for share in shares[:, -1]))
lost = dead["plain, 0.1"][:, -1] - dead["BN, 0.1"][:, -1]
shown("dead relus of the dense layer at the high rate without BN", 100 * dead["plain, 0.1"][:, -1], above=60, unit=" %")
shown("dead relus at the high rate without less with BN", 100 * lost, above=10, unit=" points")
shown("dead relus at the high rate with BN", 100 * dead["BN, 0.1"][:, -1], above=5, unit=" %")
plots.line_chart(
    {name: (watching, shares) for name, shares in dead.items()},
    "training steps",
    "share of dead relus",
    "Who is still alive in the dense layer? (lines: medians)",
)

# %%
below_zero = {}
for name in ("plain, 0.1", "BN, 0.1"):
    looks = [monitor.activations["pooling_2"] for monitor in monitors[name]]
    counts, edges = (np.array([look[part][0] for look in looks]) for part in ("counts", "edges"))  # before training
    below_zero[name] = (counts * (edges[:, 1:] <= 0)).sum(axis=1) / counts.sum(axis=1)
assert not below_zero["plain, 0.1"].any()
shown("inputs of the dense layer below zero with BN", 100 * below_zero["BN, 0.1"], above=20, unit=" %")

# %% [markdown]
# At the high rate most relus of the plain network's dense layer are dead, in each of the three seeds; where all of them
# are, the network has stopped for good. <!-- shown: dead relus of the dense layer at the high rate without BN, seeds of
# each --> With batch normalization fewer are. <!-- shown: dead relus at the high rate without less with BN --> It is no
# insurance: some of its units died, too. <!-- shown: dead relus at the high rate with BN -->
#
# Why are they so many? Adam's first step moves every weight by the learning rate, whatever the gradient's
# size. <!-- derived --> In the plain network all inputs of the dense layer come out of a relu, so none is below zero. A
# step that lowers all weights of a unit lowers its sum for *every* image; one large step can shut it for all of
# them. <!-- derived --> Behind a normalization inputs have both signs, and the same step can raise the sum of an image
# as well. <!-- shown: inputs of the dense layer below zero with BN --> (The notebook's normalization stands behind the
# relu: it centres what the units *after* it see, not those in front.) <!-- derived -->
#
# ## Where plain dies and batch normalization lives
#
# The same for more learning rates (`python -m tutorials.experiments learning_rates`): three seeds, two epochs each,
# then the accuracy on the training images, with exact statistics. <!-- shown: seeds --> The line is the median, the
# band goes from the lowest seed to the highest.

# %%
sweep = experiments.load("learning_rates")
rates = sweep[0]["settings"]["rates"]
accuracy = {
    place: np.array([r["accuracy"] for r in sweep if r["run"]["place"] == place]) for place in ("none", "after")
}
counted("seeds", accuracy, 3)
for rate, none, after in zip(rates, accuracy["none"].T, accuracy["after"].T, strict=True):
    print(f"{rate:6g}: plain {none.min():4.0%} to {none.max():4.0%}, BN {after.min():4.0%} to {after.max():4.0%}")
alive = {
    place: [rate for rate, a in zip(rates, found.T, strict=True) if a.min() > 0.5] for place, found in accuracy.items()
}
print(f"Every seed gets more than half of the images right up to {max(alive['none']):g} without,")
factor = max(alive["after"]) / max(alive["none"])
print(f"and up to {max(alive['after']):g} with batch normalization, where the grid ends:", end=" ")
print(f"at least {factor:.0f} times as far.")
assert max(alive["after"]) == rates[-1]
assert factor > 3
shown("accuracy with BN less plain at each rate", 100 * (accuracy["after"] - accuracy["none"]), above=0, unit=" points")
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
# that work, up to the end of the grid and perhaps beyond. <!-- shown: accuracy with BN less plain at each rate --> At
# the small end of the range it is ahead, too, and at every rate between. <!-- shown: accuracy with BN less plain at
# each rate --> What a learning rate that suits *each* of the two would do, after many epochs, is another question;
# [tutorial 05](05_were_the_inferences_right.ipynb) asks it of the notebook's setting.
#
# ## Before or after the relu?
#
# The paper puts it before the nonlinearity, the notebook behind it, and asks which is right. Four pairs of trainings on
# 5,000 images of MNIST, each pair from the same kernels (`python -m tutorials.experiments placement`); measured on the
# 10,000 test images, with exact statistics, so that no moving average blurs the answer. <!-- shown: pairs --> We are
# interested in the difference within the pairs, and in an interval for its mean.

# %%
pairs = experiments.load("placement")
counted("pairs", {"of one seed": pairs}, 4)
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
# sides are good ones. Before the relu, a unit can hardly die: as long as $\beta$ is 0, the images of a batch cannot all
# lie below their own mean. <!-- derived --> Behind it, the *next* layer gets centred inputs. Two differences are no
# matter of taste: before the relu, the bias of the layer in front is useless (exercise 3), and the normalization can be
# folded into that layer (below). <!-- derived -->
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
# In a batch of two, each normalised number is plus or minus one: all that is left is *which of the two was
# larger*. <!-- derived --> (A convolution has it easier: its $m$ counts pixels, too.)
#
# How much of the network's answer is noise of that kind? Take the network trained above and two more like it, touch
# no weight, and let them answer in training mode, in batches of different sizes.


# %%
def in_batches(model, size, most=24):
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
trained = [model]
for seed in (3, 4):
    another = compiled(network(seed=seed))
    another.fit(x, y, epochs=EPOCHS, verbose=0)
    trained.append(another)
alone, in_company = [], []
for one in trained:
    recalibrate_batch_normalization(one, x)
    alone.append(one.evaluate(x, y, verbose=0)[0])
    in_company.append([in_batches(one, size) for size in sizes])
losses, accuracies = np.moveaxis(np.array(in_company), 2, 0)  # each (networks, sizes)
print(f"Each image for itself, with exact statistics: loss {min(alone):.4f} to {max(alone):.4f}.")
for size, loss, right in zip(sizes, losses.T, accuracies.T, strict=True):
    print(f"In batches of {size:3}: loss {loss.min():.4f} to {loss.max():.4f}", end=", ")
    print(f"accuracy {right.min():.1%} to {right.max():.1%}.")
shown("loss in batches of 2 as a multiple of that in batches of 32", losses[:, 0] / losses[:, 4], above=5)
plots.line_chart(
    {"in training mode": (sizes, losses)},
    "batch size",
    "loss on the training images",
    "The same weights, in company of different size (3 networks)",
    levels={"inference, exact statistics (median)": float(np.median(alone))},
    log_x=True,
    log_y=True,
)

# %% [markdown]
# In batches of two the loss is many times that in batches of thirty-two, and no weight has changed. <!-- shown: loss in
# batches of 2 as a multiple of that in batches of 32 -->
#
# And if one *trains* with such batches? Three epochs each, plain and with batch normalization, from three seeds,
# measured on the test images with exact statistics (`python -m tutorials.experiments batch_sizes`). <!-- shown: seeds
# of each size --> Small batches make more steps of an epoch: compare two networks at one size, and not one network at
# two sizes.
#
# **Predict.** Which of the two reads more test images after training in batches of two, which after batches of 512?
# Each answer is a word, `"plain"` or `"BN"`.

# %% tags=["predict"]
guess_at_2 = ...  # "plain" or "BN"
guess_at_512 = ...  # "plain" or "BN"

# %%
by_size = experiments.load("batch_sizes")
sizes = by_size[0]["settings"]["sizes"]
tested = {
    place: np.array([r["test_accuracy"] for r in by_size if r["run"]["place"] == place]) for place in ("none", "after")
}
moving = np.array([r["moving_accuracy"] for r in by_size if r["run"]["place"] == "after"])
for size, none, after, as_is in zip(sizes, tested["none"].T, tested["after"].T, moving.T, strict=True):
    print(f"{size:3}: plain {none.min():.1%} to {none.max():.1%}, BN {after.min():.1%} to {after.max():.1%}; ", end="")
    print(f"of the training images, with the moving averages, {np.median(as_is):.0%}")
large = sizes.index(512)
steps = by_size[0]["settings"]["epochs"] * -(-len(x) // 512)
print(f"Batches of 512 make {steps} steps in all: the start of the averages still weighs {0.99**steps:.0%}.")
counted("seeds of each size", tested, 3)
lead = 100 * (tested["after"] - tested["none"])
shown("test accuracy at 512 with BN less plain", lead[:, large], above=10, unit=" points")
shown("test accuracy at 2 with BN less plain", lead[:, 0], below=-3, unit=" points")
shown("accuracy at 512 with the moving averages", 100 * moving[:, large], below=60, unit=" %")
compare(guess_at_2, "BN" if np.median(lead[:, 0]) > 0 else "plain")
compare(guess_at_512, "BN" if np.median(lead[:, large]) > 0 else "plain")
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
# Three things at once. Large batches make few steps, and after these few batch normalization is ahead. <!-- shown: test
# accuracy at 512 with BN less plain --> In batches of two it is the other way round, and plain is better. <!-- shown:
# test accuracy at 2 with BN less plain --> That fits the noise that you have just measured; it does not prove it. And
# the moving averages, measured here on the training images, tell the story of the beginning again: few steps, and
# `evaluate` has not heard of them yet. <!-- shown: accuracy at 512 with the moving averages -->
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

# %% [markdown]
# ## Exercises
#
# Write into the cells; each tells you whether your answer is right.

# %% [markdown] tags=["exercise"]
# ### 1. On paper
#
# The batch is $(1, 2, 3, 6)$, with $\gamma = 1$, $\beta = 0$ and $\varepsilon = 0$. What is $\hat x$? The gradient
# $dy = (1, 0, 0, 0)$ asks for the first output only. What is $dx$? Why is it not zero for the other three?
#
# *Answer:* two lists of four numbers each, to two decimals.

# %% tags=["answer"]
answer_x_hat = ...  # [.., .., .., ..]
answer_dx = ...  # [.., .., .., ..]
check("03.1", answer_x_hat, answer_dx)

# %% [markdown] tags=["exercise"]
# ### 2. How long to remember
#
# Which momentum lets the start weigh just a hundredth after *one* epoch of our 46 steps? How far back does such an
# average reach, if you count the batches that weigh more than a hundredth?
#
# *Answer:* the momentum, a number to three decimals; the reach, a whole number of batches.

# %% tags=["answer"]
answer_momentum = ...  # a number between 0 and 1
answer_reach = ...  # a whole number
check("03.2", answer_momentum, answer_reach)

# %% [markdown] tags=["exercise"]
# ### 3. A bias without a gradient
#
# With batch normalization before the relu, the bias of the convolution in front gets no gradient. Why? Show it, and
# show that behind the relu it does. Take `inspection.gradients(compiled(network(place, seed=1)), x[:64], y[:64])`, and
# of its `["conv2d_2"].parameters` the largest absolute entry of the bias's gradient divided by that of the kernel's.
#
# *Answer:* that quotient for `"before"` and for `"after"`, two numbers; and what takes the bias away, one of the words
# `"mean"`, `"variance"`, `"gamma"`, `"beta"`.

# %% tags=["answer"]
answer_before = ...  # a number
answer_after = ...  # a number
answer_taken_away_by = ...  # a word
check("03.3", answer_before, answer_after, answer_taken_away_by)

# %% [markdown] tags=["exercise"]
# ### 4. Alone
#
# A batch of a single image, in training mode, behind a dense layer of three units: $(7, 8, 9)$, with
# $\gamma = (1, 2, 3)$ and $\beta = (4, 5, 6)$. What does batch normalization make of it? Then predict the network's
# answers to two different images, each in a batch of its own, if only the normalization behind the last dense layer
# worked in training mode.
#
# *Answer:* a list of three numbers; and for the two answers of the network the words `"the same"` or `"different"`.

# %% tags=["answer"]
answer_alone = ...  # [.., .., ..]
answer_two_images = ...  # "the same" or "different"
check("03.4", answer_alone, answer_two_images)

# %% [markdown] tags=["exercise"]
# ### 5. A kernel times ten
#
# Multiply a kernel in front of a batch normalization by ten (let $\varepsilon = 0$). What happens to the output of the
# normalization, and what to the kernel's gradient? What does this have to do with large learning rates?
#
# *Answer:* the factors by which output and gradient change, two numbers; 1 means not at all.

# %% tags=["answer"]
answer_output = ...  # a number
answer_gradient = ...  # a number
check("03.5", answer_output, answer_gradient)

# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# **1.** The mean is 3, the variance $14/4$. The three others get a gradient because the first one is a part of
# *their* mean and *their* variance. <!-- derived -->

# %% tags=["solution"]
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
assert check("03.1", normalised.ravel(), dx.ravel())

# %% [markdown] tags=["solution"]
# **2.** $q^{46} < 1/100$ means $q < 0.01^{1/46}$. A batch that is $k$ steps old weighs $(1-q)\,q^k$.

# %% tags=["solution"]
q = 0.01 ** (1 / steps_per_epoch)
reach = int(np.log(0.01 / (1 - q)) / np.log(q)) + 1
print(f"A momentum below {q:.3f}; {reach} batches weigh more than a hundredth each.")
assert q**steps_per_epoch <= 0.01 * (1 + 1e-9)
assert (1 - q) * q ** (reach - 1) > 0.01 > (1 - q) * q**reach
assert check("03.2", round(q, 3), reach)

# %% [markdown] tags=["solution"]
# **3.** A bias adds the same number to the whole channel; the mean takes it away again. In the formula: the gradient
# of the bias is the sum of $dx$ over the batch, and that is zero. Behind the relu, the bias decides which units are
# open before anything is normalised.

# %% tags=["solution"]
sizes_of = {}
for place in ("before", "after"):
    found = inspection.gradients(compiled(network(place, seed=1)), x[:64], y[:64])["conv2d_2"].parameters
    sizes_of[place] = np.abs(found["bias"]).max() / np.abs(found["kernel"]).max()
    print(f"{place}: the bias has a gradient of {sizes_of[place]:.1e}, measured by the kernel's largest.")
assert sizes_of["before"] < 1e-3 < sizes_of["after"]
assert check("03.3", sizes_of["before"], sizes_of["after"], "mean")

# %% [markdown] tags=["solution"]
# **4.** A single row is its own mean: $\hat x = 0$, and the output is $\beta$, whatever the image. The two answers
# are the same.

# %% tags=["solution"]
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
assert check("03.4", [4, 5, 6], "the same")

# %% [markdown] tags=["solution"]
# **5.** The output stays as it is (but for $\varepsilon$): mean and deviation grow tenfold with it. So the loss stays
# as it is, while the kernel is ten times as large: per unit of the kernel the loss changes a tenth as fast, and the
# gradient is a tenth. <!-- derived --> A step across the gradient lengthens the kernel, and the longer the kernel, the
# less the next step turns it: the network brakes by itself. <!-- derived -->

# %% tags=["solution"]
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
assert check("03.5", 1, 1 / 10)
