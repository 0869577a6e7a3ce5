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
# *To run it: open it in Jupyter ([how](README.md)). It needs no network: the trainings
# were made before, by `python -m tutorials.gallery`, and are read from [results](results/gallery); what is trained here
# is trained on the bundled digits. All of it takes some twenty seconds; reading
# takes half an hour. Where it says **Predict**, put your answer into the cell before you run the next one.*

# %%
import textwrap
from dataclasses import replace

import numpy as np
from tinycnn.tutorials import gallery, mistakes
from tinycnn.tutorials.evidence import counted, shown
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import compare, show_source
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
# The network is the notebook's, with batch normalization and dropout, made small: two convolutions, of 8 and 16
# filters, and two dense layers. It has some of everything that can be got wrong. It trains with the *reference*
# kernels, and a mistake takes the place of one of them, or of a layer:

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
# - `"as well"`: with a test accuracy that five trainings cannot tell from the right one's, <!-- shown: five trainings
#   -->
# - `"worse"`: it learns, but less,
# - `"not"`: below one half in each training, where guessing gets one in ten?
#
# **Predict.** One of these words for each of the ten. And how many of the 28 have a training loss that falls, from the
# first epoch to the last, in all of their trainings? A whole number. <!-- shown: five trainings -->

# %% tags=["predict"]
guess = {
    "bn_constant_statistics": ...,
    "bn_zero_dx": ...,
    "bn_batch_statistics": ...,
    "dropout_mask_anew": ...,
    "pooling_all_ties": ...,
    "conv_dx_flipped": ...,
    "conv_dkernel_transposed": ...,
    "bias_no_gradient": ...,
    "loss_not_divided": ...,
    "loss_labels_alone": ...,
}  # "as well", "worse" or "not"
guess_falls = ...  # a whole number from 0 to 28

# %%
for name, answer in guess.items():
    print(f"{'?' if answer is ... else answer:8} {title[name]}")
counted("five trainings", {name: results[name]["accuracy"] for name in ALL}, 5)

# %% [markdown]
# ## What they did
#
# Ten epochs, five seeds. <!-- shown: five seeds --> A line is the mean of the validation loss over the seeds, the band
# reaches from the lowest to the highest. Blue is the right network, the same in each panel (but for those with
# momentum); vermilion the one with the mistake. What lies above 5 is drawn at 5.

# %%
losses = {}
for name in MISTAKES:
    losses[textwrap.fill(title[name], 30)] = {
        "right": gallery.curve(right[name], "val_loss"),
        "with the mistake": np.minimum(gallery.curve(results[name], "val_loss"), 5),
    }
counted("five seeds", {name: results[name]["history"]["val_loss"] for name in ALL}, 5)
plots.seed_bands(losses, "validation loss", log_loss=True, columns=5, title="The right network and 28 wrong ones")

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
print("The training loss falls, from the first epoch to the last, whatever the seed:")
compare(guess_falls, len(falls), f" of {len(found)} mistakes")
assert len(falls) > 0.8 * len(found)
for name in ("bn_without_x_hat", "bn_constant_statistics"):
    assert found[name] == "worse"
    assert (final(name) > 90).all()
assert (final("loss_plus_labels") == 0).all()
assert {"as well", "worse", "not"} == set(found.values())

# %% [markdown]
# So much for the falling loss. Now your answers:

# %%
answered = {name: answer for name, answer in guess.items() if answer is not ...}
hits = sum(found[name] == answer for name, answer in answered.items())
for name in guess:
    print(title[name], end=": ")
    compare(guess[name], found[name])
print(f"\n{hits} of your {len(answered)} answers are right." if answered else "\nYou have not answered yet.")

# %% [markdown]
# ## How far they came
#
# The test error, one row a mistake, sorted: a dot for a training, the mean, and an interval for it ([at the
# usual level](05_were_the_inferences_right.ipynb)). The axis is logarithmic, so that those near the right network can
# be told apart. The colours say what somebody would have noticed who looks at the two losses that `fit` prints:
#
# - *alone*: one of them ends above half of $\ln 10$, the loss of one who guesses. You would look for a mistake without
#   having seen the right network.
# - *beside*: it looks healthy, but in each run one of them ends outside of all five right ones. You would have to have
#   the right network, and then you would hardly need yours.
# - *no*: in at least one run both lie among the right ones.
#
# (Of 28 such intervals one or two may miss by chance. And all of this is about these digits and this network; elsewhere
# the order may be another.)

# %%
seen = {name: gallery.shown_by_loss(results[name], right[name]) for name in MISTAKES}
words = {
    "no": "the losses do not show it",
    "beside": "beside the right ones they do",
    "alone": "they show it on their own",
}
errors = {answer: {title[n]: 100 - final(n) for n in MISTAKES if seen[n] == answer} for answer in words}
baseline = {"the right network, Adam": 100 - final(ADAM).mean(), "momentum": 100 - final(MOMENTUM).mean()}
plots.ranking(
    {words[answer]: rows for answer, rows in errors.items()},
    {label: gallery.interval(values) for rows in errors.values() for label, values in rows.items()},
    "test error, % (logarithmic)",
    levels=baseline,
    log=True,
    title="Test error after ten epochs, 28 mistakes",
)

# %%
for answer in words:
    print(f"{answer:7} {sum(value == answer for value in seen.values()):2} mistakes")
quiet = [name for name in MISTAKES if seen[name] == "no"]
print("\nNot to be seen in the losses, even beside the right ones:")
for name in quiet:
    print(f"  {title[name]}")

# %% [markdown]
# ## What the gradient checker says
#
# The checker needs no training and no right network. It asks each layer whether its backward is the slope of its
# forward. What did it say of each network before that had learned anything?
#
# **Predict.** Of the 28, how many does it catch? A whole number.

# %% tags=["predict"]
guess_caught = ...  # a whole number from 0 to 28

# %%
caught = [name for name in MISTAKES if not results[name]["checker"]["passed"]]
for name in caught:
    print(f"{title[name]}\n    {gallery.says(results[name])}")
wrong_gradients = [name for name in MISTAKES if results[name]["differs"] == "gradients"]
print(f"\nMistakes that change a gradient and nothing before it: {len(wrong_gradients)}. Caught:")
compare(guess_caught, len(caught), f" of {len(MISTAKES)}")
assert caught == wrong_gradients
assert set(quiet) & set(caught)
assert all(results[name]["checker"]["passed"] for name in (ADAM, MOMENTUM))

# %% [markdown]
# Every wrong gradient is caught, also those that the losses did not show; and neither of the right networks is. That
# takes seconds, and no training.
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
# One of them deserves a second look: batch normalization that takes the statistics of the batch in inference, too. With
# all test images in one batch the trainings could not be told from the right ones. A user asks about one image at a
# time.
#
# **Predict.** How many per cent of the test images does it read right, one by one?

# %% tags=["predict"]
guess_alone = ...  # a number from 0 to 100

# %%
name = "bn_batch_statistics"
together, alone = final(name), final(name, "alone")
print(title[name])
print(f"    all test images in one batch: {together.mean():.1f} % right, the right network {final(ADAM).mean():.1f} %")
print(f"    one by one:                   {alone.mean():.1f} %, the right network {final(ADAM, 'alone').mean():.1f} %")
compare(guess_alone, alone.mean(), " %")
assert found[name] == "as well"
assert seen[name] == "no"
shown("read right one by one", alone, below=20, unit=" %")

assert np.array_equal(final(ADAM), final(ADAM, "alone"))

# %% [markdown]
# Nothing that `fit` and `evaluate` print gave it away, and one by one it reads hardly more than who
# guesses. <!-- shown: read right one by one --> A batch of one has the variance of one image, and behind a
# dense layer that of one number, 0: the layer then returns $\beta$, whatever the image shows.
#
# ## Why do wrong gradients learn?
#
# Take a step along any direction $-d$ in place of the gradient $-g$. The loss changes by
#
# $$ L(w - \eta d) - L(w) = -\eta\; d \cdot g + O(\eta^2). $$
#
# It falls, if the step is short enough, whenever $d \cdot g > 0$, that is, when the angle between the two is acute. A
# gradient need not be right to lead downhill. It need not even be nearly right: of all directions, half lead down. So
# look at the cosine of that angle for the mistakes that change a gradient, at the start of training and at its end,
# beside what came out.

# %% [markdown]
# **Predict.** A relu that lets every gradient pass, as if its slope were 1 everywhere, is among those
# that learn. What is the cosine at the start? A number from $-1$ (the opposite direction) through
# 0 (a right angle) to 1 (the right direction).

# %% tags=["predict"]
guess_cosine = ...  # a number from -1 to 1


# %%
def direction(name, when):
    """(seeds,), 0 where a gradient is zero."""
    return np.array([value or 0 for value in results[name]["direction"][when]])


print("cosine at the start   at the end      test accuracy")
for name in sorted(wrong_gradients, key=lambda name: -direction(name, "start").mean()):
    start, end = direction(name, "start"), direction(name, "end")
    print(f"{start.mean():8.2f}  {end.mean():18.2f}  {final(name).mean():17.1f} %     {title[name]}")
learned = [name for name in wrong_gradients if (final(name) > 90).all()]
print("\nA relu that lets everything pass, at the start:")
compare(guess_cosine, direction("relu_missing", "start").mean())
assert "relu_missing" in learned
assert len(learned) > 0.7 * len(wrong_gradients)
every_seed = {name: direction(name, "start") for name in wrong_gradients}
counted("every seed", every_seed, 5)
shown("cosine at the start of what learned", np.transpose([every_seed[name] for name in learned]), above=0)
climbs = [direction("loss_plus_labels", when) for when in ("start", "end")]
shown("cosine of p + onehot at the start and at the end", np.transpose(climbs), below=0)

# %% [markdown]
# Whatever learned began with a cosine above 0, with every seed, down to a relu that lets everything
# pass. <!-- shown: every seed, cosine at the start of what learned --> The one whose angle is blunt, $p$ + onehot,
# climbs: <!-- shown: cosine of p + onehot at the start and at the end --> it learns to avoid the right answer, and
# gets none of the test images right. One who guesses gets one in ten.
#
# Some of the answers one can find by thinking:

# %% [markdown] tags=["derived"]
# - *Not divided by the batch.* A cosine of one: the direction is right, only the length is not, and Adam does not care
#   about lengths (exercise 1).
# - *Batch normalization.* The two terms that are left out would have taken something away from the gradient. Without
#   them what the layer hands on has too much in it, but never points uphill (exercise 2).
# - *A mask of its own, or none.* On average over the masks both hand on $dy$ as it is. Values that were switched off
#   are corrected for an error that they had no part in, while those that were on are corrected as they should be.
# - *−onehot.* Each image pushes its own class up, and none down. But softmax sees differences alone, and to push one
#   class up makes a difference to all the others, too.
# - *dx of the convolution.* Only the layers before it ever see it; here that is one convolution with eight filters, and
#   the batch normalization behind it. All others have right gradients.

# %% [markdown]
# What is that one convolution worth? Leave its kernels as they are drawn, and train the rest of the right network.
#
# **Predict.** After three epochs, how many per cent of the test images are read right with eight random kernels in the
# first layer?

# %% tags=["predict"]
guess_random_kernels = ...  # a number from 0 to 100

# %%
(x, y), (x_test, y_test) = gallery.load_digits()
with_random_kernels = []
for seed in settings["seeds"][:3]:
    model = gallery.network(ALL[ADAM], seed)
    model.layers[0].trainable = False
    model.compile(ALL[ADAM].optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[: settings["images"]], y[: settings["images"]], epochs=3, verbose=0)
    with_random_kernels.append(100 * model.evaluate(x_test, y_test, verbose=0)[1])
compare(guess_random_kernels, np.mean(with_random_kernels), " %")
shown("test accuracy with random first kernels", with_random_kernels, above=90, unit=" %")

negative = direction("conv_dkernel_negative", "start")
print("dkernel with the wrong sign, by seed:")
print("    cosine at the start", negative, "\n    test accuracy, %   ", final("conv_dkernel_negative").round(1))
assert min(negative) < 0 < max(negative)
assert np.ptp(final("conv_dkernel_negative")) > 30
assert final("conv_dkernel_negative").argmin() != negative.argmin()

# %% [markdown]
# The layers behind it can work with whatever those eight make of an
# image. <!-- shown: test accuracy with random first kernels --> So on these digits a wrong gradient there has little
# to spoil.
#
# And *dkernel with the wrong sign*? Two layers climb while the others descend. The cosine of the whole gradient is
# above 0 with some seeds and below 0 with others, and they end far apart; but not in the order of their cosines. The
# first step does not tell where a training ends.
#
# ## What to take home
#
# - A loss that falls says that the direction is not too bad. It does not say that the gradient is right.
# - The gradient check says that, in seconds, before any training. It says nothing of forward, of inference, of the
#   optimizer, of the start.
# - For those, compare with something that is right, stage by stage, and try inference as it will be used: one by one.

# %% [markdown]
# ## Exercises
#
# Each has a cell for your answer. It checks itself, in some seconds; `...` is "not answered yet".

# %% [markdown] tags=["exercise"]
# ### 1. Length and direction
#
# `loss_not_divided` makes every gradient 32 times too long, and its cosine is one. Take five steps with Adam and five
# with momentum (the networks `ADAM` and `"loss_not_divided"`, `MOMENTUM` and `"loss_not_divided_momentum"` of
# `gallery.network(ALL[name], seed=1)`, the first five batches of 32 of `gallery.load_digits()`), each with the right
# gradient and with the long one. How many times as far do all weights together go with the long one?
#
# The answer: two numbers, one for each optimizer: a distance (the root of the sum of squares) over another.

# %% tags=["answer"]
answer_adam = ...
answer_momentum = ...
check("07.1", answer_adam, answer_momentum)

# %% [markdown] tags=["exercise"]
# ### 2. A projection
#
# Show that batch normalization without its two other terms never points uphill: that the right $dx$ and the one with
# constant statistics have a product of at least 0, whatever the numbers are. Begin by writing the right one as a matrix
# times the wrong one, for one channel with $m$ values.
#
# The answer: a function of $\hat x$, an array of shape (m,), that returns this matrix, of shape (m, m). The proof is
# for you.


# %% tags=["answer"]
answer_matrix = ...  # a function: answer_matrix(x_hat) -> matrix
check("07.2", answer_matrix)

# %% [markdown] tags=["exercise"]
# ### 3. Ties that do not matter
#
# Put a pooling directly behind a relu, without batch normalization between them. On random images, are the gradients of
# the convolution before it the same or different when all ties are paid in place of one? Then find an image on which it
# is the other way.
#
# The answer: `"same"` or `"different"`; and an image, an array of shape (6, 6) of numbers from 0 to 1, for a
# convolution with eight 3x3 kernels.

# %% tags=["answer"]
answer_random = ...  # "same" or "different"
answer_image = ...
check("07.3", answer_random, answer_image)

# %% [markdown] tags=["exercise"]
# ### 4. Short enough
#
# You know a loss, its gradient $g$, and some direction $d$. What will the loss be after a step of a given length
# against $d$, as far as the first derivative tells?
#
# The answer: a function of the loss (a number), of $g$ and $d$ (arrays of the same shape (n,)) and of the length of the
# step (a number) that returns a number. Then walk with it: the solution does.


# %% tags=["answer"]
answer_estimate = ...  # a function: answer_estimate(loss, g, d, length) -> loss after the step
check("07.4", answer_estimate)

# %% [markdown] tags=["exercise"]
# ### 5. A mistake of your own
#
# Plant one that is not in the gallery, in a kernel, a layer, the loss, the optimizer or the start. Predict what becomes
# of it; train three epochs; ask the checker. And say where it shows first when two steps of training are laid beside
# those of the right network.
#
# The answer: a `mistakes.Mistake`; and one of the words `"start"`, `"forward"`, `"gradients"`, `"update"` and
# `"inference"`.

# %% tags=["answer"]
answer_mistake = ...
answer_stage = ...
check("07.5", answer_mistake, answer_stage)

# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution", "derived"]
# **1.** Adam divides by the root of the mean square of the gradient, so a factor cancels, but for $\varepsilon$.
# Momentum walks it.


# %% tags=["solution"]
def vector(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def way(name, steps=5):
    """How far the weights go in that many steps."""
    model = gallery.network(ALL[name], seed=1)
    before = vector(p.value for p in model.parameters)
    for i in range(steps):
        model.train_on_batch(x[32 * i : 32 * (i + 1)], y[32 * i : 32 * (i + 1)])
    return np.linalg.norm(vector(p.value for p in model.parameters) - before)


times = {}
for optimizer, long in ((ADAM, "loss_not_divided"), (MOMENTUM, "loss_not_divided_momentum")):
    one, other = way(optimizer), way(long)
    times[optimizer] = other / one
    print(f"{optimizer}: {one:.3f} with the right gradient, {other:.3f} with the long one.")
assert times[ADAM] < 1.01
assert times[MOMENTUM] > 10
assert check("07.1", times[ADAM], times[MOMENTUM])

# %% [markdown] tags=["solution", "derived"]
# **2.** Per channel, with $d = \gamma/\sqrt{\sigma^2+\varepsilon} \cdot dy$, the wrong answer is $d$ and the right one
# is $Pd$, with
#
# $$ P = I - \tfrac1m \mathbf{1}\mathbf{1}^\top - \tfrac1m \hat x \hat x^\top . $$
#
# $\mathbf 1$ and $\hat x$ are orthogonal, because $\hat x$ has the mean 0; $\mathbf 1/\sqrt m$ has length 1, and $\hat
# x/\sqrt m$ at most (just 1 for $\varepsilon = 0$). So $P$ takes two directions out of $d$ and leaves the rest: it is
# symmetric, with no eigenvalue below 0, and $d \cdot Pd \ge 0$. A term that takes something out may be forgotten
# without turning the rest around.


# %% tags=["solution"]
def projection(x_hat):
    m = len(x_hat)
    return np.eye(m) - np.ones((m, m)) / m - np.outer(x_hat, x_hat) / m


rng = np.random.default_rng(0)
cosines = []
for _ in range(1000):
    dy, rows = rng.normal(size=(2, 6, 1))
    arguments = rows, np.ones(1), rows.mean(axis=0), rows.var(axis=0), 1e-3
    true = kernels.REFERENCE.batch_normalization_backward(dy, *arguments)[0]
    wrong = mistakes.constant_statistics(dy, *arguments)[0]
    cosines.append(np.sum(true * wrong) / np.linalg.norm(true) / np.linalg.norm(wrong))
print(f"Of 1,000 cosines the smallest is {min(cosines):.3f}, the largest {max(cosines):.3f}.")
assert min(cosines) >= 0
assert check("07.2", projection)

# %% [markdown] tags=["solution", "derived"]
# **3.** Ties are at zero there, where relu passes no gradient on, to whichever pixel it was paid. Random images have no
# other ties. Digits do: where the ink is even, neighbouring windows of the convolution see the same pixels. So does an
# image of one colour.


# %% tags=["solution"]
def gradients(images, **functions):
    utils.set_random_seed(1)
    layers = [Conv2D(8, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(10, activation="softmax")]
    model = Sequential([Input((28, 28, 1)), *layers])
    model.compile(loss="sparse_categorical_crossentropy", kernels=replace(kernels.REFERENCE, **functions))
    model.train_on_batch(images, y[: len(images)])
    return vector(p.grad for p in model.parameters)


for images, equal in ((rng.random((64, 28, 28, 1)), True), (x[:64], False)):
    one, other = gradients(images), gradients(images, **MISTAKES["pooling_all_ties"].kernels)
    print(f"The gradients are the same to the bit: {np.array_equal(one, other)}")
    assert np.array_equal(one, other) == equal
assert check("07.3", "same", np.ones((6, 6)))

# %% [markdown] tags=["solution", "derived"]
# **4.** $L - s\; g \cdot d / |d|$ for a step of the length $s$. The sign of the cosine promises which way the loss goes
# at first, and nothing for longer steps.


# %% tags=["solution"]
def estimate(loss, g, d, length):
    return loss - length * np.sum(g * d) / np.linalg.norm(d)


lengths = np.array([0, 0.001, 0.01, 0.1, 0.3, 1, 3])


def gradient_of(name):
    model = gallery.network(ALL[name], seed=1)
    model.train_on_batch(x[:320], y[:320])
    return [p.grad.copy() for p in model.parameters]


def losses_along(step):
    """The loss of 320 digits, in training mode, after a step of each length."""
    found = []
    for length in lengths / np.linalg.norm(vector(step)):
        model = gallery.network(ALL[ADAM], seed=1)
        for parameter, gradient in zip(model.parameters, step, strict=True):
            parameter.value -= length * gradient
        found.append(model.loss.forward(y[:320], model.forward(x[:320], training=True)))
    return np.array(found)


g = vector(gradient_of(ADAM))
print("length of the step       ", "  ".join(f"{length:5g}" for length in lengths))
for name in (ADAM, "bn_constant_statistics", "loss_plus_labels"):
    step = gradient_of(name)
    walked = losses_along(step)
    told = [estimate(walked[0], g, vector(step), length) for length in lengths]
    print(f"{name:24} ", "  ".join(f"{value:.3f}" for value in walked))
    print("    the first derivative ", "  ".join(f"{value:5.2f}" for value in told))
    assert (walked[1] < walked[0]) == (name != "loss_plus_labels")
    assert abs(told[1] - walked[1]) < 0.2 * abs(walked[1] - walked[0])
assert check("07.4", estimate)

# %% [markdown] tags=["solution"]
# **5.** For instance: a max pooling whose backward is that of an average, a quarter for each pixel of the window.


# %% tags=["solution"]
def a_quarter_each(dy, argmax, image_size, pool_size, strides):
    dx = np.zeros((len(dy), *image_size, dy.shape[3]), dy.dtype)
    for a, b in np.ndindex(*pool_size):
        mistakes.tap(dx, a, b, dy.shape[1:3], strides)[...] += dy / 4
    return dx


mine = mistakes.Mistake("each pixel gets a quarter", "max pooling", kernels={"max_pooling2d_backward": a_quarter_each})
model = gallery.network(mine, seed=1)
history = model.fit(x, y, epochs=3, validation_data=(x_test, y_test), verbose=0).history
pooling = model.get_layer("pooling_1")
said = check_layer(pooling, (2, *pooling.input_shape[1:]))
print(f"Accuracy after three epochs {history['val_accuracy'][-1]:.1%}; right, says the checker: {said.passed}.")
assert history["val_accuracy"][-1] > 0.8
assert not said.passed
assert check("07.5", mine, "gradients")
