# %% [markdown]
# # Wrong gradients learn
#
# Somebody has made a mistake in a backward pass. What happens? It will not learn, one would think. So one trains, sees
# a loss that falls, and calls the code right.
#
# Here are 28 networks, each with one mistake that somebody could have made on a Friday evening. They begin with the
# same weights as a right one (unless the start is the mistake) and meet the same batches. Some are dead. Some limp. And
# some cannot be told from the right one. You say which, then you look.
#
# *To run it: open it in Jupyter from a clone of the repository ([how](README.md)). It needs no network: the trainings
# were made before, by `python -m tutorials.gallery`, and are read from [results](results/gallery); what is trained here
# is trained on the bundled digits. All of it takes some twenty seconds; reading takes half an hour.*

# %%
import textwrap
from dataclasses import replace

import numpy as np
from tinycnn.tutorials import gallery, mistakes
from tinycnn.tutorials.helpers import show_source
from tinycnn.tutorials.mistakes import ADAM, ALL, MISTAKES, MOMENTUM

from tinycnn import kernels, plots, utils
from tinycnn.gradient_check import check_layer
from tinycnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.sequential import Sequential

results = gallery.load()
right = {name: results[MISTAKES[name].beside] for name in MISTAKES}
settings = results[ADAM]["settings"]
SEEDS, EPOCHS = len(settings["seeds"]), settings["epochs"]
title = {name: f"{mistake.part}: {mistake.words}" for name, mistake in MISTAKES.items()}
print(f"{len(MISTAKES)} mistakes, {SEEDS} trainings with each, {EPOCHS} epochs of {settings['images']:,} digits.")
assert len(MISTAKES) == 28

# %% [markdown]
# ## The right one
#
# The network is the notebook's, with batch normalization and dropout, only four times narrower: two convolutions, two
# dense layers. It has some of everything that can be got wrong. It trains with the *reference* kernels, and a mistake
# takes the place of one of them, or of a layer:

# %%
show_source(gallery.network)

# %% [markdown]
# Here are four of the mistakes, without their docstrings, which would tell. What is wrong with each?

# %%
four = mistakes.without_x_hat, mistakes.dx_assigned, mistakes.MaskDrawnAnew, mistakes.adam_without_root
show_source(*four, docstring=False)

# %% [markdown]
# ## Say it before you look
#
# Ten of the 28. Will the network with this mistake come out of its ten epochs
#
# - `"as well"`: with a test accuracy that five trainings cannot tell from the right one's,
# - `"worse"`: it learns, but less,
# - `"not"`: below one half in each training, where guessing gets one in ten?
#
# Write an answer behind each, here or on paper. A guess that you have written down teaches you something when it was
# wrong; one that you only thought will have been right all along.

# %%
guess = {
    "bn_constant_statistics": "?",
    "bn_zero_dx": "?",
    "bn_batch_statistics": "?",
    "dropout_mask_anew": "?",
    "pooling_all_ties": "?",
    "conv_dx_flipped": "?",
    "conv_dkernel_transposed": "?",
    "bias_no_gradient": "?",
    "loss_not_divided": "?",
    "loss_labels_alone": "?",
}
for name, answer in guess.items():
    print(f"{answer:8} {title[name]}")

# %% [markdown]
# ## What they did
#
# Ten epochs, five seeds. A line is the mean of the validation loss over the seeds, the band reaches from the best to
# the worst. Blue is the right network, the same in each panel (but for those with momentum); vermilion the one with the
# mistake. What lies above 5 is drawn at 5.

# %%
losses = {}
for name in MISTAKES:
    losses[textwrap.fill(title[name], 30)] = {
        "right": gallery.curve(right[name], "val_loss"),
        "with the mistake": np.minimum(gallery.curve(results[name], "val_loss"), 5),
    }
plots.seed_bands(losses, "validation loss", log_loss=True, columns=5)

# %% [markdown]
# Count the panels in which the vermilion line goes down. That is what "the loss falls, so it is right" is worth.


# %%
def final(name, key="accuracy"):
    """In per cent, (seeds,)."""
    return 100 * np.array(results[name][key])


def outcome(name):
    """As well, worse, or not: see above."""
    if (final(name) < 50).all():
        return "not"
    _, high = gallery.interval(gallery.difference(results[name], right[name]))
    return "worse" if high < 0 else "as well"


found = {name: outcome(name) for name in MISTAKES}
falls = [name for name in MISTAKES if (np.diff(gallery.curve(results[name], "loss")[:, [0, -1]]) < 0).all()]
for answer in ("as well", "worse", "not"):
    print(f"{answer:8} {sum(value == answer for value in found.values()):2} of {len(found)}")
print(f"The training loss falls in every training with {len(falls)} of the {len(found)} mistakes.")
assert len(falls) > 0.8 * len(found)
for name in ("bn_without_x_hat", "bn_constant_statistics"):
    assert found[name] == "worse"
    assert (final(name) > 90).all()
assert (final("loss_plus_labels") == 0).all()
assert {"as well", "worse", "not"} == set(found.values())

# %% [markdown]
# So much for the falling loss. Now your answers:

# %%
answered = {name: answer for name, answer in guess.items() if answer != "?"}
hits = sum(found[name] == answer for name, answer in answered.items())
for name in guess:
    print(f"you: {guess[name]:8} it was: {found[name]:8} {title[name]}")
print(f"\n{hits} of your {len(answered)} answers are right." if answered else "\nYou have not answered yet.")

# %% [markdown]
# ## How far they came
#
# The test error, one row a mistake, the best on top: a dot for each seed, the mean, and an interval for it ([at the
# usual level](05_were_the_inferences_right.ipynb)). The axis is logarithmic, so that those near the right network can
# be told apart. The colours say what somebody would have noticed who looks at the two losses that `fit` prints:
#
# - *alone*: one of them ends above half of $\ln 10$, the loss of one who guesses. You would look for a mistake even if
#   you had never seen the right network.
# - *beside*: it looks healthy, but in each run one of them ends outside of all five right ones. You would have to have
#   the right network, and then you would hardly need yours.
# - *no*: in at least one run both lie among the right ones.
#
# (Of 28 such intervals one or two may miss by chance. And these digits are easy: what a mistake costs on them is not
# what it costs elsewhere.)

# %%
shown = {name: gallery.shown_by_loss(results[name], right[name]) for name in MISTAKES}
words = {
    "no": "the losses do not show it",
    "beside": "beside the right ones they do",
    "alone": "they show it on their own",
}
errors = {answer: {title[n]: 100 - final(n) for n in MISTAKES if shown[n] == answer} for answer in words}
baseline = {"the right network, Adam": 100 - final(ADAM).mean(), "momentum": 100 - final(MOMENTUM).mean()}
plots.ranking(
    {words[answer]: rows for answer, rows in errors.items()},
    {label: gallery.interval(values) for rows in errors.values() for label, values in rows.items()},
    "test error, % (logarithmic)",
    levels=baseline,
    log=True,
)

# %%
for answer in words:
    print(f"{answer:7} {sum(value == answer for value in shown.values()):2} mistakes")
quiet = [name for name in MISTAKES if shown[name] == "no"]
print("\nNot to be seen in the losses, even beside the right ones:")
for name in quiet:
    print(f"  {title[name]}")

# %% [markdown]
# ## What the gradient checker says
#
# The checker needs no training and no right network. It asks each layer whether its backward is the slope of its
# forward. This is what it said of each network before it had learned anything, of the array that is to blame:

# %%
caught = [name for name in MISTAKES if not results[name]["checker"]["passed"]]
for name in caught:
    print(f"{title[name]}\n    {gallery.says(results[name])}")
wrong_gradients = [name for name in MISTAKES if results[name]["differs"] == "gradients"]
print(f"\nCaught: {len(caught)}. Mistakes that change a gradient and nothing before it: {len(wrong_gradients)}.")
assert caught == wrong_gradients
assert all(results[name]["checker"]["passed"] for name in (ADAM, MOMENTUM))

# %% [markdown]
# Every wrong gradient is caught, also those whose training nobody could have told from the right one; and neither of
# the right networks is. That is why one checks.
#
# ## What it does not say
#
# The others passed. Is the checker asleep?

# %%
where = {
    "start": "the weights that training starts from",
    "forward": "what forward computes",
    "update": "how the optimizer moves the weights",
    "inference": "inference, after two steps of training",
}
for stage, meaning in where.items():
    print(f"The first difference lies in {meaning}:")
    for name in MISTAKES:
        if results[name]["differs"] == stage:
            print(f"    {found[name]:8} {title[name]}")
assert all(results[name]["differs"] is not None for name in MISTAKES)

# %% [markdown]
# It was not asked. It asks whether backward is the slope of forward. Whether forward is what you meant, whether the
# optimizer does what its paper says, what inference does with the moving averages: none of that has a slope.
#
# What finds them is another tool: a program that is right, the same weights, the same batch, the same masks, and a
# comparison stage by stage. `gallery.first_difference` does that, in two steps of training, and each of the 28 shows;
# the list above is what it found. `tinycnn.parity` lays a step of training beside Keras's, layer by layer.
#
# One of them deserves a second look. Give it the test images one by one, as a user would, and not all together.

# %%
name = "bn_batch_statistics"
together, alone = final(name), final(name, "alone")
print(title[name])
print(f"    all test images in one batch: {together.mean():.1f} % right, the right network {final(ADAM).mean():.1f} %")
print(f"    one by one:                   {alone.mean():.1f} %, the right network {final(ADAM, 'alone').mean():.1f} %")
assert found[name] == "as well"
assert shown[name] == "no"
assert (alone < 20).all()
assert np.array_equal(final(ADAM), final(ADAM, "alone"))

# %% [markdown]
# Everything that `fit` and `evaluate` print was perfect. A batch of one has the variance of one image, and behind a
# dense layer that of one number, 0: the layer then returns $\beta$, whatever the image shows.
#
# ## Why do wrong gradients learn?
#
# Take a step along any direction $-d$ in place of the gradient $-g$. The loss changes by
#
# $$ L(w - \eta d) - L(w) = -\eta\; d \cdot g + O(\eta^2). $$
#
# It falls, if the step is short enough, whenever $d \cdot g > 0$, that is, when the angle between the two is acute. A
# gradient need not be right to lead downhill. It need not even be nearly right: of all directions, half
# lead down. Here is the cosine of that angle for the mistakes that change a gradient, at the start of training and at
# its end, beside what came out.


# %%
def direction(name, when):
    """(seeds,), 0 where a gradient is zero."""
    return np.array([value or 0 for value in results[name]["direction"][when]])


print("cosine at the start   at the end      test accuracy")
for name in sorted(wrong_gradients, key=lambda name: -direction(name, "start").mean()):
    start, end = direction(name, "start"), direction(name, "end")
    print(f"{start.mean():8.2f}  {end.mean():18.2f}  {final(name).mean():17.1f} %     {title[name]}")
learned = [name for name in wrong_gradients if (final(name) > 90).all()]
assert all((direction(name, "start") > 0).all() for name in learned)
assert len(learned) > 0.7 * len(wrong_gradients)
assert (direction("loss_plus_labels", "start") < 0).all()
assert (direction("loss_plus_labels", "end") < 0).all()
assert min(direction("conv_dkernel_negative", "start")) < 0 < max(direction("conv_dkernel_negative", "start"))
assert np.ptp(final("conv_dkernel_negative")) > 30

# %% [markdown]
# Whatever learned began with a cosine above 0, with every seed, down to a relu that lets everything pass. The one whose
# angle is blunt, $p$ + onehot, climbs: it learns to avoid the right answer, and gets none of the test images right.
# Nobody who guesses can be so wrong.
#
# Some of the answers one can find by thinking:
#
# - *Not divided by the batch.* A cosine of one: the direction is right, only the length is not, and Adam does not care
#   about lengths (exercise 1).
# - *Batch normalization.* The two terms that are left out would have taken something away from the gradient. Without
#   them what the layer hands on has too much in it, but never points uphill (exercise 2).
# - *A mask of its own, or none.* On average over the masks both hand on $dy$ as it is. Values that were switched off
#   are corrected for an error that they had no part in, while those that were on are corrected as they should be.
# - *dx of the convolution.* Only the layers before it ever see it; here that is one convolution with eight filters. The
#   others have right gradients, and work with whatever those eight make of an image.
# - *−onehot.* Each image pushes its own class up, and none down. But softmax sees differences alone, and to push one
#   class up makes a difference to all the others, too.
# - *dkernel with the wrong sign.* Two layers climb while the others descend. The cosine of the whole gradient is now
#   above and now below 0, and so goes the training: the seeds end far apart.
#
# ## What to take home
#
# - A loss that falls says that the direction is not too bad. It does not say that the gradient is right.
# - The gradient check says that, in seconds, before any training. It says nothing of forward, of inference, of the
#   optimizer, of the start.
# - For those, compare with something that is right, stage by stage, and try inference as it will be used: one by one.
#
# ## Exercises
#
# 1. **Length and direction.** `loss_not_divided` makes every gradient 32 times too long, and its cosine is one. Take
#    five steps with Adam and five with momentum, each with the right gradient and with the long one. How far do the
#    weights go? Explain the difference between the two optimizers.
# 2. **A projection.** Show that batch normalization without its two other terms can never point uphill: that the right
#    $dx$ and the one with constant statistics have a product of at least 0, whatever the numbers are. (Write the right
#    one as a matrix, times the wrong one.) Check it with numbers.
# 3. **Ties that do not matter.** Put a pooling directly behind a relu, without batch normalization between them. Why
#    does it make no difference to any weight, on random images, whether all ties are paid or one? And on the digits?
# 4. **Short enough.** Walk from the first weights along the gradients of `bn_constant_statistics` and of
#    `loss_plus_labels`, and measure the loss after steps of several lengths. What does the sign of the cosine promise,
#    and for how long?
# 5. **A mistake of your own.** Plant one that is not in the gallery. Predict, train three epochs, ask the checker.

# %% [markdown]
# ## Solutions

# %%
# 1. Adam divides by the root of the mean square of the gradient, so a factor cancels. Momentum walks it.
(x, y), (x_test, y_test) = gallery.load_digits()


def vector(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def way(name, steps=5):
    """How far the weights go in that many steps."""
    model = gallery.network(ALL[name], seed=1)
    before = vector(p.value for p in model.parameters)
    for i in range(steps):
        model.train_on_batch(x[32 * i : 32 * (i + 1)], y[32 * i : 32 * (i + 1)])
    return np.linalg.norm(vector(p.value for p in model.parameters) - before)


for optimizer, long in ((ADAM, "loss_not_divided"), (MOMENTUM, "loss_not_divided_momentum")):
    one, other = way(optimizer), way(long)
    print(f"1. {optimizer}: {one:.3f} with the right gradient, {other:.3f} with the long one.")
    assert (other / one < 1.01) if optimizer == ADAM else (other / one > 10)

# %% [markdown]
# **2.** Per channel, with $d = \gamma/\sqrt{\sigma^2+\varepsilon} \cdot dy$, the wrong answer is $d$ and the right one
# is $Pd$, with
#
# $$ P = I - \tfrac1m \mathbf{1}\mathbf{1}^\top - \tfrac1m \hat x \hat x^\top . $$
#
# $\mathbf 1$ and $\hat x$ are orthogonal, because $\hat x$ has the mean 0; $\mathbf 1/\sqrt m$ has length 1, and $\hat
# x/\sqrt m$ at most (just 1 for $\varepsilon = 0$). So $P$ takes two directions out of $d$ and leaves the rest: it is
# symmetric, with no eigenvalue below 0, and $d \cdot Pd \ge 0$. A term that takes something out may be forgotten
# without turning the rest around.

# %%
rng = np.random.default_rng(0)
cosines = []
for _ in range(1000):
    dy, rows = rng.normal(size=(2, 6, 1))
    arguments = rows, np.ones(1), rows.mean(axis=0), rows.var(axis=0), 1e-3
    true = kernels.REFERENCE.batch_normalization_backward(dy, *arguments)[0]
    wrong = mistakes.constant_statistics(dy, *arguments)[0]
    cosines.append(np.sum(true * wrong) / np.linalg.norm(true) / np.linalg.norm(wrong))
print(f"2. Of 1,000 cosines the smallest is {min(cosines):.3f}, the largest {max(cosines):.3f}.")
assert min(cosines) >= 0


# %%
# 3. Ties are at zero there, where relu passes no gradient on, to whichever pixel it was paid. Random images have no
#    other ties. Digits do: where the ink is even, neighbouring windows of the convolution see the same pixels.
def gradients(images, **functions):
    utils.set_random_seed(1)
    layers = [Conv2D(8, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(10, activation="softmax")]
    model = Sequential([Input((28, 28, 1)), *layers])
    model.compile(loss="sparse_categorical_crossentropy", kernels=replace(kernels.REFERENCE, **functions))
    model.train_on_batch(images, y[: len(images)])
    return vector(p.grad for p in model.parameters)


for images, equal in ((rng.random((64, 28, 28, 1)), True), (x[:64], False)):
    one, other = gradients(images), gradients(images, **MISTAKES["pooling_all_ties"].kernels)
    print(f"3. The gradients are the same to the bit: {np.array_equal(one, other)}")
    assert np.array_equal(one, other) == equal

# %%
# 4. The sign promises which way the loss goes at first, and nothing for longer steps.
lengths = np.array([0, 0.001, 0.01, 0.1, 0.3, 1, 3])


def losses_along(name):
    """The loss of 320 digits, in training mode, after a step of each length against the gradient of a mistake."""
    model = gallery.network(ALL[name], seed=1)
    model.train_on_batch(x[:320], y[:320])
    step = [p.grad.copy() for p in model.parameters]
    found = []
    for length in lengths / np.linalg.norm(vector(step)):
        model = gallery.network(ALL[ADAM], seed=1)
        for parameter, gradient in zip(model.parameters, step, strict=True):
            parameter.value -= length * gradient
        found.append(model.loss.forward(y[:320], model.forward(x[:320], training=True)))
    return np.array(found)


for name in (ADAM, "bn_constant_statistics", "loss_plus_labels"):
    walked = losses_along(name)
    print(f"4. {name:24}", "  ".join(f"{value:.3f}" for value in walked))
    assert (walked[1] < walked[0]) == (name != "loss_plus_labels")


# %%
# 5. For instance: a max pooling whose backward is that of an average, a quarter for each pixel of the window.
def a_quarter_each(dy, argmax, image_size, pool_size, strides):
    dx = np.zeros((len(dy), *image_size, dy.shape[3]), dy.dtype)
    for a, b in np.ndindex(*pool_size):
        mistakes.tap(dx, a, b, dy.shape[1:3], strides)[...] += dy / 4
    return dx


mine = mistakes.Mistake("each pixel gets a quarter", "max pooling", kernels={"max_pooling2d_backward": a_quarter_each})
model = gallery.network(mine, seed=1)
history = model.fit(x, y, epochs=3, validation_data=(x_test, y_test), verbose=0).history
pooling = model.get_layer("pooling_1")
result = check_layer(pooling, (2, *pooling.input_shape[1:]))
print(f"5. Accuracy after three epochs {history['val_accuracy'][-1]:.1%}; right, says the checker: {result.passed}.")
assert history["val_accuracy"][-1] > 0.8
assert not result.passed
