# %% [markdown]
# # Dropout: what a network learns from being damaged
#
# *To run it:* open it in Jupyter ([how](README.md)). It needs no network: the digits that it trains on are bundled with
# tinycnn. It takes some sixty seconds; reading it about 25 minutes. Where it says **Predict**, put your answer in the
# cell before you run the next one.
#
# The results on full MNIST, further down, were made before by `python -m tutorials.experiments overfitting` and
# `python -m tutorials.study`; they are files in this repository.

# %%
import itertools

import numpy as np
from scipy.ndimage import rotate
from tinycnn.tutorials import experiments, study
from tinycnn.tutorials.evidence import counted, shown
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import compare, show_source

from tinycnn import models, normalization, plots, utils
from tinycnn.callbacks import LambdaCallback
from tinycnn.datasets import digits
from tinycnn.kernels import dropout as dropout_kernels
from tinycnn.layers import BatchNormalization, Dense, Dropout

(x_train, y_train), (x_test, y_test) = digits.load_data()
x_train, x_test = (x.reshape(-1, 28, 28, 1).astype("float32") / 255 for x in (x_train, x_test))
print(f"{len(x_train):,} digits to train with, {len(x_test)} to test with.")

# %% [markdown]
# ## A network that is better at digits it has never seen
#
# The model is the Keras notebook's second one: two convolutions and two dense layers, with `Dropout(0.25)` behind
# each pooling and `Dropout(0.5)` before the last layer. Train it for ten epochs, as the notebook does.
#
# **Predict.** `fit` prints a loss on the training digits and one on new digits. Which of the two will be the higher one
# after ten epochs? A word: `"training"` or `"new"`.

# %% tags=["predict"]
guess_higher = ...  # "training" or "new"


# %%
def train(model):
    """Ten epochs with the notebook's settings; "without masks" is the loss on the training digits in inference mode."""
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    without_masks = []

    def look(epoch, logs):
        without_masks.append(model.evaluate(x_train, y_train, verbose=0)[0])

    look = LambdaCallback(on_epoch_end=look)
    validation = x_test, y_test
    history = model.fit(x_train, y_train, epochs=10, validation_data=validation, callbacks=[look], verbose=0).history
    return history | {"without masks": without_masks}


networks = []  # (model, history) of three trainings: a sentence has to hold for each of them
for seed in (4, 5, 6):
    utils.set_random_seed(seed)
    model = models.dropout()
    networks.append((model, train(model)))
model, history = networks[0]

print("epoch   training loss   loss on new digits")
for epoch, (loss, val_loss) in enumerate(zip(history["loss"], history["val_loss"], strict=True), start=1):
    print(f"{epoch:5}   {loss:13.3f}   {val_loss:18.3f}")
print()
worse = [sum(np.greater(h["loss"], h["val_loss"])) for _, h in networks]
shown("epochs of ten in which the training loss is the worse one", worse, above=7)
ratios = [h["loss"][-1] / h["val_loss"][-1] for _, h in networks]
shown("the training loss as a multiple of that on new digits at the end", ratios, above=1.2)
compare(guess_higher, "training" if ratios[0] > 1 else "new")

# %% [markdown]
# The loss on the digits that it learns from is the worse one, in nearly all epochs. <!-- shown: epochs of ten in which
# the training loss is the worse one, the training loss as a multiple of that on new digits at the end --> Is the
# network really better at digits that it has never seen? Has something leaked from the test set into the training? Keep
# your guess. To judge it, you have to know what dropout does.
#
# ## What the layer does
#
# Here is all of it: first the layer, then the two functions that it calls.

# %%
show_source(Dropout.forward, Dropout.draw_mask, Dropout.backward, docstring=False)

# %%
show_source(dropout_kernels.dropout_mask, dropout_kernels.dropout_apply)

# %% [markdown]
# In training the layer throws a die for every value, in every image, in every step. With probability `rate` the value
# is replaced by 0. What stays is multiplied by $1/(1-\text{rate})$. In inference it hands on its input, untouched.
#
# Backward is the same product with the same mask: $dx = dy \cdot \text{mask}$. A value that was dropped had no say in
# the result, so it gets no gradient. The mask is all that the layer has to remember.
#
# Let the layer work on an image, where you can see what it does. Orange pixels are dropped. The bar at the right
# shows the second half of the rule: what is left grows darker. <!-- derived -->

# %%
digit = x_test[(y_test == 3).argmax()]
masks = {}
for rate in (0.25, 0.5, 0.75):
    layer = Dropout(rate, seed=1)
    layer.build((None, *digit.shape))
    masks[f"rate {rate}"] = layer.draw_mask((5, *digit.shape))[..., 0]
plots.dropout_masks(digit[..., 0], masks, title="Five masks of each rate on one digit (orange: dropped)")

# %% [markdown]
# Inside the network it is not pixels that are dropped but what the convolutions found: this stroke here, that corner
# there. The next layer cannot count on any single one of them. It has to learn to read a digit from whatever half of
# the evidence is left. Srivastava and others, who introduced dropout, call this preventing *co-adaptation* ([2014,
# JMLR 15](https://jmlr.org/papers/v15/srivastava14a.html)).
#
# ## Why 1/(1 − rate)?
#
# Let $p$ be the rate, and $m$ the number that a value $x$ is multiplied by. Without the factor $m$ would be 1 with
# probability $1-p$ and 0 otherwise, and the mean of $m x$ would be $(1-p)\,x$. The next layer would learn to live with
# sums of that size. Then, in inference, nothing is dropped, and the same inputs weigh $1/(1-p)$ times as
# much. <!-- derived -->
#
# With the factor the mean is right:
#
# $$ \mathbb{E}[m] = (1-p)\cdot\frac{1}{1-p} + p \cdot 0 = 1, \qquad \mathbb{E}[m x] = x. $$
#
# So the sum $z = \sum_i w_i m_i x_i + b$ in the next layer has the mean $\sum_i w_i x_i + b$: just what inference
# computes. See whether that is so where it matters, at the input of the last layer, whose 64 values meet
# `Dropout(0.5)`.

# %%
*_, dropout, head = model.layers
x = digit[None]
for layer in model.layers[:-2]:
    x = layer.forward(x)  # up to the last dropout, in inference mode: (1, 64)

count = 20_000
masks = dropout.draw_mask((count, *x.shape[1:]))
logits = {
    "inference, no mask": head.forward(x, activate=False),
    "masks with the factor": head.forward(x * masks, activate=False),
    "masks without it": head.forward(x * (masks > 0), activate=False),
}
winner = int(logits["inference, no mask"].argmax())
for name, z in logits.items():
    print(f"{name:22} mean of the logit of class {winner}: {z[:, winner].mean():7.3f}")
truth, right, wrong = (z[:, winner].mean() for z in logits.values())
error = logits["masks with the factor"][:, winner].std() / np.sqrt(count)
print(f"With the factor the mean is off by {abs(right - truth):.3f}; chance alone gives about {error:.3f}.")
assert abs(right - truth) < 5 * error < abs(wrong - truth)

# %% [markdown]
# What if inference forgot? Older descriptions drop without the factor in training, and multiply by $1-p$ in inference
# instead. Both work. To do neither is a bug, and a quiet one: to inference everything then seems $1/(1-p)$ times too
# large behind each dropout. You can see its effect on the network that you have trained, by multiplying once too
# often.
#
# **Predict.** By how many percentage points does the accuracy on test digits fall if the factor is forgotten? A number
# from 0 to 100.

# %% tags=["predict"]
guess_fall = ...  # percentage points


# %%
def forgotten(model, x):
    """Inference as it would be if training had dropped without the factor, and nobody had made up for it."""
    for layer in model.layers:
        x = layer.forward(x)
        if isinstance(layer, Dropout):
            x = x / np.float32(1 - layer.rate)
    return x


def loss_and_accuracy(p, labels):
    """Mean cross-entropy and share of correct answers for probabilities p (n, classes)."""
    return -np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-7)).mean(), (p.argmax(axis=1) == labels).mean()


falls, bolder = [], []
for model, _ in networks:
    answers = {"as it should be": model.predict(x_test, verbose=0), "factor forgotten": forgotten(model, x_test)}
    figures = {}
    for name, p in answers.items():
        loss, accuracy = loss_and_accuracy(p, y_test)
        figures[name] = accuracy, p.max(axis=1).mean()
        print(f"{name:17} accuracy {accuracy:.1%}, loss {loss:.3f}, mean confidence {p.max(axis=1).mean():.1%}")
    (accuracy, confidence), (wrong_accuracy, wrong_confidence) = figures.values()
    falls.append(100 * (accuracy - wrong_accuracy))
    bolder.append(100 * (wrong_confidence - confidence))
model, _ = networks[0]
shown("fall of the accuracy", falls, below=3, unit=" points")
shown("rise of the confidence", bolder, above=0, unit=" points")
compare(guess_fall, falls[0], " points")

# %% [markdown]
# Accuracy hides the bug: most of the time the largest logit stays the largest. <!-- shown: fall of the accuracy -->
# Confidence shows it: the network is surer of everything. <!-- shown: rise of the confidence -->
#
# ## The average of fifty masked predictions
#
# Each mask cuts a network out of the large one: a different one in every step, all with shared weights. From that comes
# an explanation of dropout that Srivastava and others give: you train an enormous number of networks, and in inference
# you ask them all at once, by leaving out the masks. <!-- quoted -->
#
# Is it true that the network without masks gives their average? You can ask fifty of them. Only the dropout layers
# are in training mode here; that will matter as soon as batch normalization comes in.
#
# **Predict.** Fifty masked networks vote, and you average their probabilities. Which has the lower loss on the test
# digits, that `"average"` or the network `"without masks"`? One of these words.

# %% tags=["predict"]
guess_lower = ...  # "average" or "without masks"


# %%
def with_masks(model, x):
    """One prediction with fresh masks; all layers but dropout stay in inference mode."""
    for layer in model.layers:
        x = layer.forward(x, training=isinstance(layer, Dropout))
    return x


def masked_predictions(model, x, count=50):
    """(count, n, classes)"""
    return np.stack([with_masks(model, x) for _ in range(count)])


asked = [(each.predict(x_test, verbose=0), masked_predictions(each, x_test)) for each, _ in networks]
unmasked, samples = asked[0]
average = samples.mean(axis=0)

hard = np.argsort(average.max(axis=1))[[0, 1, 4, len(x_test) // 2]]
plots.prediction_samples(
    x_test[hard],
    samples[:, hard],
    unmasked[hard],
    [f"true class {label}" for label in y_test[hard]],
    title="Fifty masked predictions for each of four digits",
)

# %% [markdown]
# For an easy digit, like the last one, all agree. For a hard one the fifty networks quarrel. The bar is their
# average, the diamond is the network without masks, and the two are not the same. Are they so over all test digits?

# %%
parts = {"one masked network": samples[0], "average of 50": average, "without masks": unmasked}
for name, p in parts.items():
    loss, accuracy = loss_and_accuracy(p, y_test)
    print(f"{name:19} accuracy {accuracy:.1%}, loss {loss:.3f}, mean confidence {p.max(axis=1).mean():.1%}")
agree, modest, dearer, first_five, last_thirty = [], [], [], [], []
for plain, fifty in asked:
    loss = [loss_and_accuracy(fifty[:k].mean(axis=0), y_test)[0] for k in (1, 5, 20, 50)]
    middle = fifty.mean(axis=0)
    agree.append(100 * (middle.argmax(axis=1) == plain.argmax(axis=1)).mean())
    modest.append(100 * (plain.max(axis=1).mean() - middle.max(axis=1).mean()))
    dearer.append(loss[3] / loss_and_accuracy(plain, y_test)[0])
    first_five.append(loss[0] / loss[1])
    last_thirty.append(loss[2] / loss[3])
print()
shown("digits for which both name the same class", agree, above=95, unit=" %")
shown("confidence without masks less that of the average", modest, above=1, unit=" points")
shown("loss of the average as a multiple of that without masks", dearer, above=1.05)
shown("loss of one masked network as a multiple of that of five", first_five, above=1.15)
shown("loss of the average of 20 as a multiple of that of 50", last_thirty, above=0.9, below=1.1)
compare(guess_lower, "without masks" if dearer[0] > 1 else "average")

counts = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50]
plots.line_chart(
    {
        "average of masked predictions": (
            counts,
            [loss_and_accuracy(samples[:k].mean(axis=0), y_test)[0] for k in counts],
        )
    },
    xlabel="masked predictions in the average",
    ylabel="loss on test digits",
    title="What an average of masked predictions is worth",
    levels={"without masks": loss_and_accuracy(unmasked, y_test)[0]},
    log_x=True,
)

# %% [markdown]
# The first few masks help a lot, then the curve is flat, and it stays above the level of the network without
# masks. <!-- shown: loss of one masked network as a multiple of that of five, loss of the average of 20 as a multiple
# of that of 50, loss of the average as a multiple of that without masks --> The two name the same class nearly always,
# but the average is the more modest one. <!-- shown: digits for which both name the same class, confidence without
# masks less that of the average --> So the network without masks is *not* the average. What is it?
#
# ### The exact answer, where there is one
#
# Take one dropout layer before a softmax layer. For a mask $m$ the logits are $z(m) = W^\top (m \cdot x) + b$. They
# are linear in $m$, so their mean over all masks is that for $m = 1$: the logits without a mask. The softmax turns
# sums of logits into products of probabilities. So what the network without masks computes is the **geometric** mean
# of all masked predictions, scaled to sum to 1:
#
# $$ \text{softmax}\bigl(\mathbb{E}_m[z(m)]\bigr)_k \;\propto\; \exp\, \mathbb{E}_m[z_k(m)] \;\propto\;
# \exp\, \mathbb{E}_m[\log p_k(m)] . $$
#
# With ten values and rate one half there are 1,024 masks, each as likely as any other. You can ask every one.

# %%
layer = Dense(3, activation="softmax", dtype="float64")
layer.build((None, 10), np.random.default_rng(2))
x = np.random.default_rng(3).normal(size=10)
every_mask = np.array(list(itertools.product([0.0, 2.0], repeat=10)))  # kept values are doubled: 1/(1 − 0.5)
p = layer.forward(every_mask * x)
geometric = np.exp(np.log(p).mean(axis=0))
geometric /= geometric.sum()
plain = layer.forward(x[None])[0]

print(f"without a mask                 {np.round(plain, 4)}")
print(f"geometric mean of {len(p):,} masks  {np.round(geometric, 4)}")
print(f"arithmetic mean                {np.round(p.mean(axis=0), 4)}")
assert np.abs(plain - geometric).max() < 1e-12 < np.abs(plain - p.mean(axis=0)).max()

# %% [markdown]
# Equal to the last digit. In a deeper network there is a relu between the masks and the softmax, and the equality
# becomes an approximation. How good is it in yours?

# %%
closer = []
for plain, fifty in asked:
    geometric = np.exp(np.log(np.maximum(fifty, 1e-30)).mean(axis=0))
    geometric /= geometric.sum(axis=1, keepdims=True)
    distance = {"geometric": np.abs(geometric - plain).mean(), "arithmetic": np.abs(fifty.mean(axis=0) - plain).mean()}
    for name, value in distance.items():
        print(f"{name:10} mean of 50: a probability is off by {value:.4f} on average from the one without masks")
    closer.append(distance["geometric"] / distance["arithmetic"])
shown("distance of the geometric mean as a share of the arithmetic one's", closer, below=0.85)

# %% [markdown]
# The geometric mean is the closer one. <!-- shown: distance of the geometric mean as a share of the arithmetic one's
# --> It listens to a veto: a class that a few networks rule out gets little. Dropping the masks is a cheap stand-in for
# asking thousands of networks; a good one, but for the geometric mean.
#
# ## Back to the puzzle: why the training loss looks worse
#
# The two columns at the start differ in three ways, not one. The training loss is measured **with masks**, on
# **training digits**, and **while the network learns**: it is a mean over the epoch, and most of its batches met a
# younger network. Change one thing at a time, after the last epoch.

# %%
masked_losses = [loss_and_accuracy(with_masks(each, x_train), y_train)[0] for each, _ in networks]
masked_loss = masked_losses[0]
ladder = {
    "what fit reports: masks, training digits, younger networks": history["loss"][-1],
    "masks, training digits, the final network": masked_loss,
    "no masks, training digits, the final network": history["without masks"][-1],
    "no masks, new digits, the final network (validation)": history["val_loss"][-1],
}
for name, value in ladder.items():
    print(f"{value:.3f}   {name}")
print()
masks_off = [masked / h["without masks"][-1] for masked, (_, h) in zip(masked_losses, networks, strict=True)]
shown("loss with masks as a multiple of that without", masks_off, above=1.5)
to_new = [h["val_loss"][-1] / h["without masks"][-1] for _, h in networks]
shown("loss on new digits as a multiple of that on training digits without masks", to_new, above=1)

epochs = range(1, len(history["loss"]) + 1)
plots.line_chart(
    {
        "training, as fit reports it": (epochs, history["loss"]),
        "validation": (epochs, history["val_loss"]),
        "training, without masks": (epochs, history["without masks"]),
    },
    xlabel="epoch",
    ylabel="loss",
    title="The same network, measured in three ways",
    log_y=True,
)

# %% [markdown]
# The puzzle is solved. On equal terms, without masks, the network is better at the digits it has learned from, as you
# would expect. <!-- shown: loss on new digits as a multiple of that on training digits without masks --> The masks
# alone raise the loss, on the same digits and with the same weights. <!-- shown: loss with masks as a multiple of that
# without --> `fit` shows the loss of a damaged network, `evaluate` that of a whole one. So *do not read overfitting off
# the gap between the two printed losses* where dropout is at work: compare both in inference mode.
#
# The same goes for two models. The notebook observes that the training loss starts higher with dropout. <!-- quoted -->
# That says only that the exercises are harder. It does not say what has been learned.
#
# ## Overfitting, where it really happens
#
# The notebook concludes that its model does not need dropout. It had 50,000 images. Does it hold for fewer?
#
# Here the plain model and the one with dropout have learned from 200, 1,000 and 5,000 images of the real MNIST, three
# seeds each, and from all 50,000, five seeds each. <!-- shown: three seeds of each, five seeds of each --> The runs of
# the first three columns make **the same number of steps**, not of epochs. Ten epochs of 200 images are some seventy
# steps, at which nothing has been learned by heart yet; to compare networks, let them move equally often. <!-- derived
# --> Then few images are seen the more often: that is the question. The runs of one seed share their images, their
# batches and their first weights. The last column is the notebook's own training, ten epochs, from the study of
# tutorial 5. All are measured on the last 10,000 of the training images, which none has learned from.
#
# **Predict.** With 200 images, by how many percentage points will dropout raise the accuracy on new digits? And with
# all 50,000? Two numbers, below 0 if you think that it lowers it.

# %% tags=["predict"]
guess_few = ...  # percentage points
guess_all = ...  # percentage points


# %%
def curves(records, epoch_steps=None):
    """The histories of runs of one kind as arrays: steps (points,), and each figure (runs, points)."""
    columns = {key: np.array([record["history"][key] for record in records]) for key in records[0]["history"]}
    return {
        "step": columns["step"][0] if epoch_steps is None else epoch_steps * np.arange(1, 1 + columns["loss"].shape[1]),
        "training": columns["loss"],
        "validation": columns["val_loss"],
        "accuracy": columns["val_accuracy"],
    }


few, everything = experiments.load("overfitting"), study.load(study.PILOT)
chosen = {
    (images, name): [r for r in few if (r["run"]["images"], r["run"]["model"]) == (images, name)]
    for images in sorted({r["run"]["images"] for r in few})
    for name in ("plain", "dropout")
}
columns = {}
for (images, name), records in chosen.items():
    columns.setdefault(f"{images:,} images", {})[name] = curves(records)
columns["50,000 images"] = {
    name: curves([r for (framework, own, _), r in everything.items() if (framework, own) == ("tinycnn", name)], 1_563)
    for name in ("plain", "dropout")
}
counted("three seeds of each", chosen, 3)
everyone = {name: pair["training"] for name, pair in columns["50,000 images"].items()}
counted("five seeds of each", everyone, 5)
for name, pair in columns.items():
    counts = " and ".join(f"{len(c['training'])} of {kind}" for kind, c in pair.items())
    print(f"{name}: runs: {counts}, with {pair['plain']['step'][-1]:,} steps each")
plots.overfitting_curves(
    columns, title="Fewer and fewer images, without and with dropout (lines: means; bands: lowest to highest)"
)

# %% [markdown]
# Read a column from top to bottom. The lines called training are what `fit` prints; those called validation are
# measured on digits that the network has not seen. Where the two of the plain network part, it learns by heart. With
# dropout the training loss ends higher in every column, for the reason that you know. <!-- shown: training loss with
# dropout as a multiple of that without -->

# %%
last = {
    name: {kind: {k: v[:, -1] for k, v in c.items() if k != "step"} for kind, c in pair.items()}
    for name, pair in columns.items()
}
gains, times = {}, {}
for name, pair in columns.items():
    print(f"{name}:")
    for kind, c in pair.items():
        validation = c["validation"].mean(axis=0)
        best = validation.argmin()
        print(
            f"  {kind:8} training loss {c['training'][:, -1].mean():.4f}, validation loss {validation[-1]:.3f} (lowest "
            f"{validation[best]:.3f} at step {c['step'][best]:,}), accuracy {c['accuracy'][:, -1].mean():.2%}"
        )
    gains[name] = 100 * (last[name]["dropout"]["accuracy"] - last[name]["plain"]["accuracy"])  # pairs of one seed
    times[name] = last[name]["plain"]["validation"] / last[name]["dropout"]["validation"]
    print("  dropout, in points of accuracy, seed by seed: " + ", ".join(f"{gain:+.2f}" for gain in gains[name]))
small, middle, large, everything_seen = gains.values()
learned = np.concatenate([last[name]["dropout"]["training"] / last[name]["plain"]["training"] for name in columns])
shown("training loss with dropout as a multiple of that without", learned, above=1)
shown("validation loss without dropout as a multiple of that with it", np.concatenate([*times.values()]), above=1.05)
shown("gain with two hundred images", small, above=1, unit=" points")
shown("gain with two hundred images less that with a thousand", small - middle, above=0, unit=" points")
shown("gain with a thousand images less that with five thousand", middle - large, above=0, unit=" points")
assert everything_seen.min() <= 0 < everything_seen.max(), "with all images the seeds do not agree"

rises, changes = [], []
for pair in list(columns.values())[:3]:
    for validation, accuracy in zip(pair["plain"]["validation"], pair["plain"]["accuracy"], strict=True):
        rises.append(validation[-1] / validation.min())
        changes.append(100 * (accuracy[-1] - accuracy[validation.argmin()]))
shown("the plain network's last validation loss as a multiple of its lowest", rises, above=1.05)
shown("what its accuracy has done since then", changes, above=-1, unit=" points")
by_heart = [r["history"]["inference_loss"][-1] for r in chosen[200, "dropout"]]
shown("loss with dropout without masks on the 200 images it has learned", by_heart, below=0.01)
compare(guess_few, gains["200 images"].mean(), " points")
compare(guess_all, gains["50,000 images"].mean(), " points")

# %% [markdown]
# Three things to take home.
#
# - **Dropout does not keep a network from learning by heart.** Without masks its loss on the 200 images that it has
#   learned is close to nothing. <!-- shown: loss with dropout without masks on the 200 images it has learned --> And
#   yet it reads more of the new digits. <!-- shown: gain with two hundred images -->
# - **The gain shrinks as the data grow**: from 200 images to 1,000 and to 5,000, seed by seed. <!-- shown: gain with
#   two hundred images less that with a thousand, gain with a thousand images less that with five thousand --> With all
#   50,000 the seeds do not even agree whether there is one.
# - **Validation loss and accuracy tell different stories.** The plain network's validation loss passes its lowest point
#   and rises, while its accuracy stays about where it was: no more mistakes, but dearer ones. <!-- shown: the plain
#   network's last validation loss as a multiple of its lowest, what its accuracy has done since then --> So the
#   notebook could find no change of accuracy and still have missed something: in every column, that of all 50,000
#   images too, dropout ends with the lower validation loss. <!-- shown: validation loss without dropout as a multiple
#   of that with it -->
#
# ## Doubt: Monte Carlo dropout
#
# Fifty answers in place of one tell you something else: how far they lie apart. Gal and Ghahramani ([2016,
# arXiv:1506.02142](https://arxiv.org/abs/1506.02142)) read them as samples of an approximate Bayesian posterior, and
# named the method Monte Carlo dropout. You already have the code; it is `with_masks`.
#
# As a measure take the entropy of the averaged prediction, in bits: 0 for certainty, $\log_2 10$ for no idea at all.
# It comes apart into two sums (Houlsby and others, [2011, arXiv:1112.5745](https://arxiv.org/abs/1112.5745)):
#
# $$ \underbrace{H\bigl(\mathbb{E}_m[p(m)]\bigr)}_{\text{total}} \;=\;
# \underbrace{\mathbb{E}_m\bigl[H(p(m))\bigr]}_{\text{each network's own doubt}} \;+\;
# \underbrace{\text{the rest}}_{\text{their disagreement}}\!. $$
#
# If every network says "half a 4, half a 9", the image is at fault. If one half of them swear that it is a 4 and the
# other half swear that it is a 9, the networks do not know it.


# %%
def entropy(p):
    """Entropy in bits over the last axis."""
    return -(p * np.log2(np.maximum(p, 1e-30))).sum(axis=-1)


def doubts(samples):
    """Each network's own doubt, and their disagreement, for predictions (count, n, classes)."""
    own = entropy(samples).mean(axis=0)
    return own, entropy(samples.mean(axis=0)) - own


four, nine = (x_test[np.where(y_test == k, unmasked[:, k], 0).argmax()] for k in (4, 9))  # the clearest of each
shares = np.linspace(0, 1, 9, dtype="float32")
blends = np.stack([(1 - share) * four + share * nine for share in shares])
answers = masked_predictions(model, blends)
own, disagreement = doubts(answers)
said = answers.mean(axis=0).argmax(axis=1)
hesitation = []
for each, _ in networks:
    doubt = sum(doubts(masked_predictions(each, blends)))
    print(f"Of the two clear digits the more doubtful has {doubt[[0, -1]].max():.2f} bits,", end=" ")
    print(f"a blend of both up to {doubt[3:6].max():.2f}.")
    hesitation.append(doubt[3:6].max() / doubt[[0, -1]].max())
shown("doubt at a blend as a multiple of that at the clear digits", hesitation, above=1.5)
plots.uncertainty_bars(
    blends,
    own,
    disagreement,
    [f"{share:.0%} of a 9\nread as {k}".replace("%", " %") for share, k in zip(shares, said, strict=True)],
    title="From a 4 to a 9",
)

# %% [markdown]
# At both ends the networks are surer than in between, where you would hesitate too. <!-- shown: doubt at a blend as a
# multiple of that at the clear digits -->
#
# Now turn a 6 around. A 6 upside down is a 9, and perfectly clear. What about the way there?

# %%
six = x_test[np.where(y_test == 6, unmasked[:, 6], 0).argmax()]
angles = np.arange(0, 181, 22.5)
turned = np.stack([rotate(six, angle, reshape=False, order=1) for angle in angles]).clip(0, 1)
answers = masked_predictions(model, turned)
own, disagreement = doubts(answers)
said = answers.mean(axis=0).argmax(axis=1)
total = own + disagreement
print(f"The upright 6 has {total[0]:.2f} bits of doubt, the most doubtful angle {total.max():.2f}.")
strays = [i for i, k in enumerate(said) if k not in (6, 9)]
quietest = min(strays, key=lambda i: total[i])
print(f"At {angles[quietest]:g}° they read a {said[quietest]}, with {total[quietest]:.2f} bits of doubt.")
assert total.max() > 5 * total[0]
assert total[quietest] < total.max() / 2
plots.uncertainty_bars(
    turned,
    own,
    disagreement,
    [f"{angle:g}°\nread as {k}" for angle, k in zip(angles, said, strict=True)],
    title="A 6, turned around",
)

# %% [markdown]
# The doubt rises on the way, as it should. But it does not rise everywhere: there are angles at which these networks
# see neither a 6 nor a 9, and hardly doubt it. Doubt is a warning; its absence is no promise.
#
# Which of the test digits does the network doubt most? Are they those that it misreads?

# %%
own, disagreement = doubts(samples)  # the fifty predictions from above
total = own + disagreement
mistakes = average.argmax(axis=1) != y_test
order = np.argsort(-total)
tenth = len(order) // 10
rows = {
    "entropy of 50 masked predictions": total,
    "their disagreement alone": disagreement,
    "entropy without masks": entropy(unmasked),
}
found = {name: mistakes[np.argsort(-doubt)[:tenth]].sum() for name, doubt in rows.items()}
for name, count in found.items():
    print(f"{name:33} finds {count} of {mistakes.sum()} mistakes among the {tenth} digits it doubts most")
with_fifty, with_none = [], []
for plain, fifty in asked:
    middle = fifty.mean(axis=0)
    for shares, p in ((with_fifty, middle), (with_none, plain)):
        misread = p.argmax(axis=1) != y_test
        shares.append(100 * misread[np.argsort(-entropy(p))[:tenth]].mean() * tenth / misread.sum())
shown("mistakes found among a tenth of the digits by fifty predictions", with_fifty, above=50, unit=" %")
shown("mistakes found by one prediction without masks", with_none, above=50, unit=" %")

doubtful = order[:6]
plots.prediction_samples(
    x_test[doubtful],
    samples[:, doubtful],
    unmasked[doubtful],
    [f"true class {y_test[i]}, {total[i]:.1f} bits" for i in doubtful],
    title="The six digits that the network doubts most",
)

# %% [markdown]
# Most of the mistakes are among the few digits that it doubts: a machine that sorts letters could hand those to a
# human. <!-- shown: mistakes found among a tenth of the digits by fifty predictions --> But the plain softmax without
# any mask finds most of its mistakes, too, and asks the network once and not fifty times. <!-- shown: mistakes found by
# one prediction without masks --> On digits of the same kind Monte Carlo dropout is no magic. What it adds is the split
# into the two kinds of doubt, and answers that are less bold.
#
# And there is a limit to it. Show the network something that is no digit at all:

# %%
rng = np.random.default_rng(5)
strange = {
    "noise": rng.random((28, 28, 1), dtype="float32"),
    "a blank page": np.zeros((28, 28, 1), "float32"),
    "black and white swapped": 1 - four,
    "a chequered field": np.kron(np.indices((7, 7)).sum(axis=0) % 2, np.ones((4, 4)))[..., None].astype("float32"),
}
answers = masked_predictions(model, np.stack(list(strange.values())))
own, disagreement = doubts(answers)
p = answers.mean(axis=0)
for i, name in enumerate(strange):
    print(f"{name:24} read as {p[i].argmax()} with {p[i].max():.0%}, {own[i] + disagreement[i]:.1f} bits of doubt")
print(f"\nFor comparison: half of the test digits have less than {np.median(total):.2f} bits.")
beyond, above_half = [], []
for (each, _), (_, fifty) in zip(networks, asked, strict=True):
    real, calm = sum(doubts(fifty)), sum(doubts(masked_predictions(each, np.stack(list(strange.values()))))).min()
    print(f"The calmest of the four answers has {calm:.2f} bits; {(real > calm).sum()} of the real digits have more.")
    beyond.append((real > calm).sum())
    above_half.append(calm / np.median(real))
shown("real digits that are doubted more than one of these pictures", beyond, above=0)
shown("the least doubt at these pictures as a multiple of the median at digits", above_half, above=1)

# %% [markdown]
# None of these deserves an answer. The network hesitates, as it should: at each of them more than at half of the
# digits. <!-- shown: the least doubt at these pictures as a multiple of the median at digits --> But at some real
# digits it hesitates more. <!-- shown: real digits that are doubted more than one of these pictures --> So by its doubt
# alone you cannot tell a picture that is no digit from one that is hard to read. All the masked networks share their
# weights and their training digits. Where none of them has seen anything, they may all be wrong in the same way.
#
# ## Dropout together with batch normalization
#
# Dropout keeps the mean, $\mathbb{E}[mx] = x$. What does it do to the variance? With $\mathbb{E}[m^2] =
# (1-p)\cdot\frac{1}{(1-p)^2} = \frac{1}{1-p}$,
#
# $$ \text{Var}[m x] = \mathbb{E}[m^2]\,\mathbb{E}[x^2] - \mathbb{E}[x]^2
# = \text{Var}[x] + \frac{p}{1-p}\,\mathbb{E}[x^2] . $$
#
# In training the values vary more than in inference, because the masks vary too. <!-- derived --> For batch
# normalization that matters: its moving variance is an average over training, with masks. In inference there are none,
# the variance is smaller, and the layer divides by a number that is too large. <!-- derived --> Li and others ([2018,
# arXiv:1801.05134](https://arxiv.org/abs/1801.05134)) call it *variance shift*.
#
# **Predict.** By how many percent is the variance behind dropout smaller in inference than in training, for the median
# channel of the last normalization? (It stands behind two dropouts of a quarter.) A number from 0 to 100.
#
# So train a network with both. Its batch normalization stands behind each relu, its dropout where it was: the second
# and the third normalization come after a dropout, the first does not. (Its momentum is `0.9`, not `0.99`, so that the
# moving averages keep up on so small a set; tutorial 3 tells why.) Three times, from three seeds. <!-- shown: seeds -->

# %% tags=["predict"]
guess_shift = ...  # a number from 0 to 100


# %%
def normalizations_of(model):
    return [layer for layer in model.layers if isinstance(layer, BatchNormalization)]


with_both = []
for seed in (4, 5, 6):
    utils.set_random_seed(seed)
    both = models.dropout_and_batch_normalization()
    for layer in normalizations_of(both):
        layer.momentum = 0.9
    both.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    both.fit(x_train, y_train, epochs=10, verbose=0)
    with_both.append(both)
counted("seeds", {"with both": with_both}, 3)


def before_normalization(model, x, masks):
    """Mean and variance of each channel where it enters a batch normalization, with masks or without."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            rows = x.reshape(-1, x.shape[-1])
            found[layer.name] = rows.mean(axis=0, dtype="float64"), rows.var(axis=0, dtype="float64")
        x = layer.forward(x, training=masks and isinstance(layer, Dropout))
    return found


some = x_train[::3]
titles = ("first: no dropout before it", "second: behind one dropout", "third: behind two")
shift, under = [], []
for both in with_both:
    with_, without = (before_normalization(both, some, masks=masks) for masks in (True, False))
    medians, shares = [], []
    for layer in normalizations_of(both):
        training, inference = with_[layer.name][1], without[layer.name][1]
        alive = training > 1e-6
        medians.append(np.median(inference[alive] / training[alive]))
        shares.append((inference < training)[alive].mean())
    shift.append(medians)
    under.append(shares[1:])
    print("variance in inference / in training, median channel: " + ", ".join(f"{ratio:.3f}" for ratio in medians))
shift = np.array(shift)
assert np.abs(shift[:, 0] - 1).max() < 1e-9
shown("variance in inference as a share of that in training behind dropout", 100 * shift[:, 1:], below=95, unit=" %")
shown("channels that lie below the line", 100 * np.array(under), above=80, unit=" %")
compare(guess_shift, 100 * (1 - shift[-1, 2]), " %")
plots.variance_shift(
    {t: (with_[n.name][1], without[n.name][1]) for t, n in zip(titles, normalizations_of(both), strict=True)},
    title="Variance of each channel before batch normalization",
)

# %% [markdown]
# The first panel is the control: no mask reaches it, and all channels lie on the line. In the others most channels lie
# below. <!-- shown: channels that lie below the line, variance in inference as a share of that in training behind
# dropout --> The network has not changed between the two measurements, and neither have the digits. Only the masks are
# gone.
#
# What does it cost? Give the moving averages the statistics with masks, as in training, then those without, as
# inference needs them. `recalibrate_batch_normalization` does the latter, layer by layer. No weight changes.

# %%
results = {"statistics with masks": [], "statistics without masks": []}
for both in with_both:
    found = before_normalization(both, some, masks=True)
    for layer in normalizations_of(both):
        layer.moving_mean[...], layer.moving_variance[...] = found[layer.name]
    results["statistics with masks"].append(both.evaluate(x_test, y_test, verbose=0))
    normalization.recalibrate_batch_normalization(both, some)
    results["statistics without masks"].append(both.evaluate(x_test, y_test, verbose=0))
for name, pairs in results.items():
    print(f"{name:24} on test digits: " + "; ".join(f"loss {loss:.4f}, accuracy {a:.1%}" for loss, a in pairs))
before, after = (np.array(pairs) for pairs in results.values())
shown("loss with masks in the statistics as a multiple of that without", before[:, 0] / after[:, 0], above=1)
shown("accuracy without masks in the statistics less that with", 100 * (after - before)[:, 1], above=-1, below=1)

# %% [markdown]
# To leave the masks out of the statistics lowers the loss. <!-- shown: loss with masks in the statistics as a multiple
# of that without --> The accuracy hardly notices. <!-- shown: accuracy without masks in the statistics less that with
# -->
#
# How large the shift is depends on the rate. Here are the same weights with other rates in all dropout layers: the
# variance that batch normalization meets in inference, as a share of what it would have met in training.

# %%
rates = (0.1, 0.25, 0.5, 0.7)
ratios = {title: [] for title in titles[1:]}
for both in with_both:
    without = before_normalization(both, some, masks=False)  # whatever the rate
    dropouts = [layer for layer in both.layers if isinstance(layer, Dropout)]
    of_rate = []
    for rate in rates:
        for layer in dropouts:
            layer.rate = rate
        with_ = before_normalization(both, some, masks=True)
        pairs = [(without[layer.name][1], with_[layer.name][1]) for layer in normalizations_of(both)[1:]]
        of_rate.append([np.median(inference[t > 1e-6] / t[t > 1e-6]) for inference, t in pairs])
    for layer, rate in zip(dropouts, (0.25, 0.25, 0.5), strict=True):
        layer.rate = rate
    for values, measured in zip(ratios.values(), np.transpose(of_rate), strict=True):
        values.append(measured)
steps = np.concatenate([np.diff(values, axis=1) for values in map(np.array, ratios.values())])
shown("what the next rate adds to the ratio", steps, below=0)
plots.line_chart(
    {title: (rates, values) for title, values in ratios.items()},
    xlabel="rate of all dropout layers",
    ylabel="variance in inference / in training",
    title="Rate and shift (lines: medians of three networks)",
    levels={"no shift": 1.0},
)

# %% [markdown]
# The higher the rate, the larger the shift. <!-- shown: what the next rate adds to the ratio --> Two remedies follow,
# and Li and others arrive at the first as well: **put dropout behind the last batch normalization**, where nobody
# measures variances any more (the `Dropout(0.5)` before the last layer stands there already); or recalibrate before you
# use the network.

# %% [markdown]
# ## Exercises
#
# Write into the cells; each tells you whether your answer is right.

# %% [markdown] tags=["exercise"]
# ### 1. Dropout by hand
#
# Write `drop(x, rate, numbers)` for uniform random numbers from 0 to 1 of the shape of `x`: a value is dropped where
# its number is below the rate. And write `drop_backward(dy, mask)`.
#
# *Answer:* two functions. The first returns the output and the mask, two arrays of the shape of `x`; the second returns
# $dx$, an array of that shape.

# %% tags=["answer"]
answer_drop = ...  # a function
answer_drop_backward = ...  # a function
check("04.1", answer_drop, answer_drop_backward)

# %% [markdown] tags=["exercise"]
# ### 2. A part of the error
#
# How does the error of the mean of $k$ masked logits depend on $k$? Predict how many times closer 400 masks come than
# 25, then measure.
#
# *Answer:* the exponent $a$ in "the error goes as $k^a$", a number; and how many times closer, a number.

# %% tags=["answer"]
answer_exponent = ...  # a number
answer_closer = ...  # a number
check("04.2", answer_exponent, answer_closer)

# %% [markdown] tags=["exercise"]
# ### 3. Whole feature maps
#
# A pixel of a feature map resembles its neighbours, so dropping single values hides little. Use `noise_shape` to drop
# whole maps of 32 channels, 13 × 13 pixels each, and prove that each map is either gone or whole.
#
# *Answer:* the `noise_shape`, a tuple of four entries; `None` stands for the number of images.

# %% tags=["answer"]
answer_noise_shape = ...  # (.., .., .., ..)
check("04.3", answer_noise_shape)

# %% [markdown] tags=["exercise"]
# ### 4. The shift, predicted
#
# A batch normalization directly behind a `Dropout(0.5)` meets values with mean $\mu$ and variance $\sigma^2$ (before
# dropout). Derive the ratio of the variances in inference and in training. For which inputs is it worst? Check your
# formula on the pooled feature maps of the first layer.
#
# *Answer:* `ratio(mean, variance)`, a function of two numbers that returns a number.

# %% tags=["answer"]
answer_ratio = ...  # a function
check("04.4", answer_ratio)

# %% [markdown] tags=["exercise"]
# ### 5. A check that fails
#
# Why does a numerical gradient check of a `Dropout` layer fail if each evaluation calls `forward(x, training=True)`?
# Mend it.
#
# *Answer:* `slope(layer, x, dy, direction)`, a function that returns one number: the slope of $\sum dy \cdot y$ along
# `direction`, measured with forward passes of the `Dropout` layer. Its random stream is `layer.rng`. The gradient of
# its `backward` belongs to the mask that a stream `np.random.default_rng(7)` draws.

# %% tags=["answer"]
answer_slope = ...  # a function
check("04.5", answer_slope)

# %% [markdown]
# ## Solutions

# %% tags=["solution"]
# 1. Dropout by hand: forward and backward are one product each, with one mask.
rng = np.random.default_rng(0)


def drop(x, rate, numbers):
    mask = (numbers >= rate) / (1 - rate)
    return x * mask, mask


def drop_backward(dy, mask):
    return dy * mask


x, dy = rng.normal(size=(2, 200, 50)).astype("float32")
y, mask = drop(x, 0.25, rng.random(x.shape))
assert abs((mask == 0).mean() - 0.25) < 0.02
assert abs(y.mean() - x.mean()) < 0.05

layer = Dropout(0.25)
layer.build((None, 50))
y = layer.forward(x, training=True)
mask = np.where(y != 0, np.float32(1 / 0.75), 0)  # x has no zeros, so the output shows the mask
np.testing.assert_allclose(layer.backward(dy), drop_backward(dy, mask), rtol=1e-6)
print("1. The same as the layer, forward and backward.")
assert check("04.1", drop, drop_backward)

# %% tags=["solution"]
# 2. The masks are independent, so the standard error of a mean falls as 1/√k: 16 times the masks, a quarter of it.
w, x = rng.normal(size=(2, 64))
z = (rng.random((400, 400, 64)) >= 0.5) * 2.0 @ (w * x)  # (repeats, masks): the logit for each mask
error = {k: (z[:, :k].mean(axis=1) - w @ x).std() for k in (25, 400)}
times = error[25] / error[400]
print(f"2. The mean of 25 is off by {error[25]:.2f}, that of 400 by {error[400]:.2f}, {times:.1f} times less.")
assert 3.2 < times < 4.8
assert check("04.2", -1 / 2, 4)

# %% tags=["solution"]
# 3. An axis of size one in noise_shape shares its mask: one die for each image and channel.
layer = Dropout(0.5, noise_shape=(None, 1, 1, 32), seed=0)
layer.build((None, 13, 13, 32))
x = rng.random((8, 13, 13, 32), dtype="float32") + 1
y = layer.forward(x, training=True)
gone = (y == 0).all(axis=(1, 2))
whole = np.isclose(y, 2 * x).all(axis=(1, 2))
print(f"3. Of {gone.size} maps {gone.sum()} are gone and {whole.sum()} are whole.")
assert (gone ^ whole).all()
assert 0.3 < gone.mean() < 0.7
assert check("04.3", (None, 1, 1, 32))

# %% tags=["solution"]
# 4. Var[mx] = σ² + p/(1−p)·(σ² + μ²), so with p = 1/2 the ratio is σ²/(2σ² + μ²): at best 1/2, where the mean is 0, and
#    close to 0 for a channel that is nearly constant. Behind a relu means are never 0 but for dead channels.
model_layers = model.layers
x = model_layers[1].forward(model_layers[0].forward(x_train))  # pooled feature maps: (n, 13, 13, 32)
rows = x.reshape(-1, x.shape[-1]).astype("float64")
mean, variance = rows.mean(axis=0), rows.var(axis=0)
layer = Dropout(0.5, seed=0)
layer.build((None, *x.shape[1:]))
measured = layer.forward(x, training=True).reshape(rows.shape).astype("float64").var(axis=0)
alive = variance > 1e-6
predicted = variance[alive] / (2 * variance[alive] + mean[alive] ** 2)
ratio = variance[alive] / measured[alive]
off = np.abs(ratio - predicted).max()
print(f"4. Ratios from {ratio.min():.2f} to {ratio.max():.2f}; the formula is off by at most {off:.3f}.")
assert off < 0.02
assert ratio.max() <= 0.52
assert check("04.4", lambda mean, variance: variance / (2 * variance + mean**2))

# %% tags=["solution"]
# 5. Each call draws a new mask: the difference of two losses then compares two networks. Give both the same stream.
layer = Dropout(0.5, dtype="float64")
layer.build((None, 20))
x, dy = rng.normal(size=(2, 4, 20))  # a random upstream gradient
direction = rng.normal(size=x.shape)


def slope(layer, x, dy, direction, seeds=(7, 7), h=1e-6):
    values = []
    for sign, seed in zip((1, -1), seeds, strict=True):
        layer.rng = np.random.default_rng(seed)
        values.append((layer.forward(x + sign * h * direction, training=True) * dy).sum())
    return (values[0] - values[1]) / (2 * h)


layer.rng = np.random.default_rng(7)
layer.forward(x, training=True)
analytic = (layer.backward(dy) * direction).sum()
fresh, same = (slope(layer, x, dy, direction, seeds) for seeds in ((7, 8), (7, 7)))
print(
    f"5. By backward {analytic:.6f}; numerically {same:.6f} with one mask, and nonsense ({fresh:.0f}) with fresh ones."
)
assert abs(same - analytic) < 1e-6 < abs(fresh - analytic)
assert check("04.5", slope)
