# %% [markdown]
# # The notebook, again
#
# A Keras notebook trains three small networks on MNIST: a plain one, one with dropout, one with batch normalization.
# Then it draws conclusions. You will now run it without Keras, on some thousand lines of Python that you can read. Four
# import lines change. Do the figures?
#
# On the way you meet three puzzles that everybody meets who looks at such figures for the first time. How can a network
# be better on images it has never seen than on those it learns from? Why does `evaluate` disagree with `fit` about the
# very same images? And how much does a second run differ from the first?
#
# *To run it: open it in Jupyter ([how](README.md)). It needs no network: what is trained here is trained on the bundled
# digits, in seconds, and the figures on MNIST come from files. Reading it takes twenty minutes. Where it says
# **Predict**, put your answer into the cell before you run the next one.*

# %% [markdown]
# ## Four lines
#
# The notebook begins with these imports. In each line `tensorflow` has become `tinycnn`; nothing else has changed.
#
# ```python
# import tensorflow
# from tensorflow import keras
# from tensorflow.keras import Sequential
# from tensorflow.keras.layers import Dense, Flatten, Conv2D, MaxPooling2D, Dropout, BatchNormalization
# ```

# %%
import matplotlib.pyplot as plt
import numpy as np
from tinycnn.tutorials.evidence import counted, shown
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import benchmark, compare, result, show_source

import tinycnn as tensorflow
from tinycnn import keras
from tinycnn.keras import Sequential
from tinycnn.keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

# %% [markdown]
# The data is the one cell that differs here. The notebook's line is
#
# ```python
# (X_train, y_train), (X_test, y_test) = keras.datasets.mnist.load_data()
# ```
#
# and it runs: `mnist.load_data` finds MNIST on your disk or downloads it. This page takes the digits that come with the
# package instead, which look like MNIST's, 1,797 in place of 70,000, and keeps two hundred of them for validation where
# the notebook keeps ten thousand. The seed is new, too: with it you will see the same numbers as this page.

# %%
keras.utils.set_random_seed(42)
(X_train, y_train), (X_test, y_test) = keras.datasets.digits.load_data()
validation = 200
print(X_train.shape, X_test.shape, y_train.shape, y_test.shape, X_train.dtype)

# %%
plt.imshow(X_train[90])
plt.title(f"Training image 90: a {y_train[90]}")
plt.show()

# %%
X_train = X_train.reshape(-1, 28, 28, 1).astype("float32") / 255.0
X_test = X_test.reshape(-1, 28, 28, 1).astype("float32") / 255.0
X_val, y_val = X_train[-validation:], y_train[-validation:]
X_train, y_train = X_train[:-validation], y_train[:-validation]

# %% [markdown]
# ## The plain model
#
# From here on the cells are the notebook's. One has changed: its plot counted the epochs from zero, and drew two solid
# lines.

# %%
model = Sequential()
model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(64, (3, 3), activation="relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dense(10, activation="softmax"))
model.summary()

# %%
optimizer = tensorflow.keras.optimizers.Adam(learning_rate=0.001)
model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
history = model.fit(X_train, y_train, epochs=10, validation_data=(X_val, y_val))

# %%
epochs = range(1, 11)
plt.plot(epochs, history.history["loss"], "--", label="training loss")
plt.plot(epochs, history.history["val_loss"], "-", label="validation loss")
plt.title("Loss of the plain CNN")
plt.xlabel("epoch")
plt.ylabel("loss")
plt.legend()
plt.show()

# %%
test_loss, test_accuracy = model.evaluate(X_test, y_test)
print(f"Test accuracy: {test_accuracy * 100:.2f}%")

# %% [markdown]
# ## The same with dropout, and with batch normalization

# %%
model_dropout = Sequential()
model_dropout.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
model_dropout.add(MaxPooling2D((2, 2)))
model_dropout.add(Dropout(0.25))
model_dropout.add(Conv2D(64, (3, 3), activation="relu"))
model_dropout.add(MaxPooling2D((2, 2)))
model_dropout.add(Dropout(0.25))
model_dropout.add(Flatten())
model_dropout.add(Dense(64, activation="relu"))
model_dropout.add(Dropout(0.5))
model_dropout.add(Dense(10, activation="softmax"))
optimizer = tensorflow.keras.optimizers.Adam(learning_rate=0.001)
model_dropout.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
history_dropout = model_dropout.fit(X_train, y_train, epochs=10, validation_data=(X_val, y_val))

# %%
model_bn = Sequential()
model_bn.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
model_bn.add(BatchNormalization())
model_bn.add(MaxPooling2D((2, 2)))
model_bn.add(Conv2D(64, (3, 3), activation="relu"))
model_bn.add(BatchNormalization())
model_bn.add(MaxPooling2D((2, 2)))
model_bn.add(Flatten())
model_bn.add(Dense(64, activation="relu"))
model_bn.add(BatchNormalization())
model_bn.add(Dense(10, activation="softmax"))
optimizer = tensorflow.keras.optimizers.Adam(learning_rate=0.001)
model_bn.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
history_bn = model_bn.fit(X_train, y_train, epochs=10, validation_data=(X_val, y_val))

# %% [markdown]
# ## First puzzle: better on what it has never seen?
#
# Look at the first epoch of the plain model.

# %%
first = {name: values[0] for name, values in history.history.items()}
print(
    f"In epoch 1 the training accuracy is {first['accuracy']:.1%}, the validation accuracy {first['val_accuracy']:.1%}."
)
assert first["val_accuracy"] > first["accuracy"] + 0.05

# %% [markdown]
# Are the validation images easier? Have some of them slipped in among the others? There is a third possibility: the two
# numbers are taken at different times. `fit` adds up what it sees *while the weights move*; its first batch meets a
# network that knows nothing. Validation happens when the epoch is over, with the weights that it ended with.
#
# **Predict.** Train for one epoch, and let the weights stand still. Then ask `evaluate` about the training images and
# about the validation images. Where will the training accuracy be? One of three words: `"above"` the validation
# accuracy, `"below"` it, or `"near"` (within two points).

# %% tags=["predict"]
guess_place = ...  # "above", "below" or "near"

# %%
rows = []
for seed in (42, 1, 2):
    keras.utils.set_random_seed(seed)
    again = tensorflow.keras.models.plain()  # the model above, ready-made
    again.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    during = again.fit(X_train, y_train, epochs=1, verbose=0).history["accuracy"][0]
    after = again.evaluate(X_train, y_train, verbose=0)[1]
    unseen = again.evaluate(X_val, y_val, verbose=0)[1]
    rows.append((during, after, unseen))
    print(f"seed {seed:2}: the training images while learning {during:.1%}, at the end {after:.1%};", end=" ")
    print(f"the validation images at the end {unseen:.1%}")
during, after, unseen = 100 * np.array(rows).T
place = after[0] - unseen[0]
compare(guess_place, "near" if abs(place) < 2 else "above" if place > 0 else "below")

# %%
shown("training accuracy at the end less while learning", after - during, above=10, unit=" points")
shown("training less validation accuracy at the end", after - unseen, above=0, unit=" points")

# %% [markdown]
# Nobody has cheated. Measured at the same time, the training images are no longer behind; they are
# ahead. <!-- shown: training less validation accuracy at the end --> Between the two numbers for the training images
# lies the
# epoch in which the weights moved, and nothing else: the same images, the same network, and a model without dropout
# computes the same in training as in inference. <!-- derived --> So the gap was made by the clock, and the lag is
# larger than the gap. <!-- shown: training accuracy at the end less while learning, training less validation accuracy
# at the end -->
#
# Keep it in mind for every loss curve that `fit` prints: the training curve lags by about half an epoch. Where the
# curves are steep, that is a lot.
#
# ## Second puzzle: the same images, another loss
#
# Now the end of the training. All three models have seen the training images ten times. `fit` has said something about
# the last epoch. What does `evaluate` say about the same images right after it?
#
# **Predict.** For each of the three models: will `evaluate` say `"more"` or `"less"` than `fit`? One of the two words
# for each.

# %% tags=["predict"]
guess_loss = {"plain": ..., "dropout": ..., "batch normalization": ...}  # "more" or "less", three times


# %%
def standing_still(network):
    """The mean loss of the training images in training mode, in `fit`'s batches; but no weight moves."""
    total = 0.0
    for start in range(0, len(X_train), 32):
        x, y = X_train[start : start + 32], y_train[start : start + 32]
        total += len(x) * network.loss.forward(y, network.forward(x, training=True))
        for layer in network.layers:
            layer.forget()
    return total / len(X_train)


measured = {}
for name, network, past in (
    ("plain", model, history),
    ("dropout", model_dropout, history_dropout),
    ("batch normalization", model_bn, history_bn),
):
    evaluated = network.evaluate(X_train, y_train, verbose=0)[0]
    measured[name] = [(past.history["loss"][-1], standing_still(network), evaluated)]
    print(f"{name:20} fit says {measured[name][0][0]:.4f}, evaluate says {evaluated:.4f}.")
    compare(guess_loss[name], "more" if evaluated > measured[name][0][0] else "less")

# %% [markdown]
# Three models, two answers. Between `fit` and `evaluate` two things differ: in `fit` the weights moved, and the layers
# worked in *training mode*. So measure in between: training mode, but weights that stand still. And, as one training is
# an anecdote, make two more of each model.

# %%
for seed in (1, 2):
    for name in measured:
        keras.utils.set_random_seed(seed)
        network = getattr(tensorflow.keras.models, name.replace(" ", "_"))()
        network.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
        fitted = network.fit(X_train, y_train, epochs=10, verbose=0).history["loss"][-1]
        evaluated = network.evaluate(X_train, y_train, verbose=0)
        measured[name].append((fitted, standing_still(network), evaluated))

print("                        fit    training mode,  evaluate")
print("                               standing still")
for name, rows in measured.items():
    for fitted, still, evaluated in rows:
        print(f"{name:20} {fitted:8.4f} {still:12.4f} {evaluated:12.4f}")
by_moving = {name: [still / fitted for fitted, still, _ in rows] for name, rows in measured.items()}
by_mode = {name: [evaluated / still for _, still, evaluated in rows] for name, rows in measured.items()}
assert np.allclose(by_mode["plain"], 1, rtol=1e-4)
shown("plain: standing still over fit", by_moving["plain"], below=1)
shown("dropout: standing still over fit", by_moving["dropout"], above=0.7)
shown("dropout: evaluate over training mode", by_mode["dropout"], below=0.5)
shown("batch normalization: evaluate over training mode", by_mode["batch normalization"], above=5)

# %% [markdown]
# - **plain**: training mode and `evaluate` agree, as no layer of it has two modes. `fit` says more: the lag of the
#   first puzzle, nine epochs later. <!-- shown: plain: standing still over fit -->
# - **dropout**: `fit` is too pessimistic, and hardly by the lag. <!-- shown: dropout: standing still over fit --> It
#   measures with units switched off; with all of them,
#   the same weights have less than half the loss. <!-- shown: dropout: evaluate over training mode --> [Tutorial
#   04](04_dropout.ipynb) takes this apart.
# - **batch normalization**: `fit` is too optimistic! In training each batch is normalised with its own mean and
#   variance, in `evaluate` with running averages; with those, the same weights have more than five times the
#   loss. <!-- shown: batch normalization: evaluate over training mode --> [Tutorial 03](03_batch_normalization.ipynb)
#   starts here, finds out what is wrong with the averages, and repairs it.
#
# A loss is a number *about a way of measuring*. The optimistic and the pessimistic curve of a plot like the notebook's
# cannot be compared without knowing which way was used.
#
# ## Do the figures change?
#
# The bundled digits are too few to answer that. So here are the same three models on all of MNIST, fifty thousand
# images to learn from, ten epochs, batches of thirty-two, by three hands: the notebook's own table, tinycnn, and Keras
# on the same machine as tinycnn. One run each. The last two were made by
#
# ```
# python -m benchmarks.accuracy
# ```
#
# which takes ten minutes and needs MNIST. The next cell reads its results.

# %%
from tinycnn.tutorials import claims, experiments, study

from tinycnn import plots

MODELS = ("plain", "dropout", "batch_normalization")
notebook = result("notebook")
measured = benchmark("accuracy")["runs"]
runs = {
    name: {"the notebook": notebook[name], "tinycnn": measured[f"tinycnn {name}"], "Keras": measured[f"keras {name}"]}
    for name in MODELS
}

print("model                by            loss of epoch 1      of epoch 10          test")
print("                                   training  validation training  validation accuracy")
for name, hands in runs.items():
    for hand, run in hands.items():
        loss, val_loss = run["history"]["loss"], run["history"]["val_loss"]
        figures = f"{loss[0]:8.4f}  {val_loss[0]:8.4f}   {loss[-1]:8.4f}  {val_loss[-1]:8.4f}   "
        print(f"{name:20} {hand:13} {figures} {run['test_accuracy']:7.2%}")

# %%
plots.compare_curves(
    {name.replace("_", " "): {hand: run["history"] for hand, run in hands.items()} for name, hands in runs.items()},
    title="The notebook's three models on MNIST, three times",
)

# %% [markdown]
# A colour is a hand; the legend tells training from validation. Before you read on, look for yourself: which
# differences are between *models*, and which are between *runs* of the same model?
#
# **Predict.** The plain model is trained five times on MNIST, everything the same but the seed. How many of the 10,000
# test images lie between the best of these runs and the worst? A whole number.

# %% tags=["predict"]
guess_images = ...  # a whole number from 0 to 10,000

# %%
pilot = study.load(study.PILOT)  # tutorial 05 is about it
seeds = range(1, 6)
misread = {
    name: [round(10_000 * (1 - pilot["tinycnn", name, seed]["test"]["accuracy"])) for seed in seeds] for name in MODELS
}
counted("five runs", misread, 5)
compare(guess_images, max(misread["plain"]) - min(misread["plain"]), " images")
plots.ranking(
    {"five seeds": {name.replace("_", " "): values for name, values in misread.items()}},
    {name.replace("_", " "): claims.t_interval(values) for name, values in misread.items()},
    "test images read wrong, of 10,000",
    title="The same recipe, five seeds",
)

# %% [markdown]
# A pale dot is a run, the dark one the mean, the line an interval for it. So which model would you have called the
# best, had you made one run of each, as the notebook did, and as the two others did?

# %%
winners = {
    hand: max(MODELS, key=lambda name: runs[name][hand]["test_accuracy"])
    for hand in ("the notebook", "tinycnn", "Keras")
}
for hand, winner in winners.items():
    print(f"{hand:13} the best of its three runs: {winner.replace('_', ' ')}")
assert len(set(winners.values())) == 3

# %% [markdown]
# Three hands, three winners. At most one of the three models can be the best, so at least two of these tables mislead
# who reads a ranking out of them. <!-- derived --> This does not say that the models are equal; it says that one run
# of each does not rank them. Which differences outlast repetition is the subject of [tutorial
# 05](05_were_the_inferences_right.ipynb).
#
# One difference is too regular for chance. Look at the training loss of the first epoch, beside those five runs and two
# by Keras: <!-- shown: five runs -->

# %%
others = {
    name: [pilot[key]["history"]["loss"] for key in pilot if key[1] == name and key[0] in ("tinycnn", "keras")]
    for name in MODELS
}
ratios = np.array([np.divide(notebook[name]["history"]["loss"], run) for name in MODELS for run in others[name]])
for name in MODELS:
    first = [run[0] for run in others[name]]
    says = notebook[name]["history"]["loss"][0]
    print(f"{name:20} the notebook {says:.4f}, the others {min(first):.4f} to {max(first):.4f}")
shown("first training loss: the notebook's over each other run's", ratios[:, 0], above=1.8)
shown("the same in every later epoch", ratios[:, 1:], below=1.3)

# %% [markdown]
# The notebook's are far above all others, for all three models; <!-- shown: first training loss: the notebook's over
# each other run's --> in later epochs nothing of the kind is left. <!-- shown: the same in every later epoch --> What
# we have of it are its progress lines. And Keras's progress line averaged *twice* in those years, say its own
# developers: `fit` handed it the running mean after each batch, and it showed the mean of these; the history that `fit`
# returned was right (issue [21301](https://github.com/keras-team/keras/issues/21301)). <!-- quoted -->
#
# Would that do it? In a mean of running means the first batch counts in every one of them, the last one once. <!--
# derived --> So `python -m tutorials.experiments progress_line` trained each model for two epochs on MNIST, with three
# seeds, <!-- shown: three seeds --> and averaged the same losses of batches in both ways.

# %%
averages = {
    name: [record for record in experiments.load("progress_line") if record["run"]["model"] == name] for name in MODELS
}
counted("three seeds", averages, 3)
print("training loss of epoch 1  the mean             averaged twice       the notebook")
for name, records in averages.items():
    once, twice = ("  ".join(f"{r['history'][key][0]:.3f}" for r in records) for key in ("loss", "averaged_twice"))
    print(f"{name:25} {once}  {twice}  {notebook[name]['history']['loss'][0]:.3f}")
explained = [
    [notebook[name]["history"]["loss"][0] / record["history"]["averaged_twice"][0] for record in records]
    for name, records in averages.items()
]
shown("the notebook's first loss over the one averaged twice", np.transpose(explained), above=0.9, below=1.15)

# %% [markdown]
# Averaged twice, our losses of the first epoch come out near the notebook's, for all three models. <!-- shown: the
# notebook's first loss over the one averaged twice --> Nothing is wrong with its network, nor with ours: even a number
# that everybody calls "the training loss" needs its recipe beside it.
#
# So do the figures change? From run to run they do: another seed gives other initial weights, another order of images,
# other masks. That tinycnn computes what Keras computes is known from elsewhere: given the same weights, the same
# batches and the same masks, each step of the two agrees (see "How it is known to be right" in the
# [README](../README.md)).
#
# ## Reading the notebook's own table
#
# The notebook concludes that batch normalization "significantly improves the model", and that overfitting "is not a
# concern". Its own table may have a word to say. No new run is needed, only another look.

# %%
plain = notebook["plain"]["history"]
best = min(range(10), key=plain["val_loss"].__getitem__)
rise = plain["val_loss"][-1] / plain["val_loss"][best]
fall = plain["loss"][best] / plain["loss"][-1]
print(f"Plain: the validation loss is lowest in epoch {best + 1} and then rises to {rise:.2f} times that,")
print(f"while the training loss goes on falling, by a factor of {fall:.1f}. That is what overfitting looks like.")
print(f"The validation accuracy: {plain['val_accuracy'][best]:.2%} then, {plain['val_accuracy'][-1]:.2%} at the end.")
test = {name: notebook[name]["test_accuracy"] for name in MODELS}
print(f"Test accuracy: {', '.join(f'{name} {value:.2%}' for name, value in test.items())}.")
print(f"The lowest of the three is that of {min(test, key=test.get)}.")
assert rise > 1.2
assert fall > 3
assert plain["val_accuracy"][-1] >= plain["val_accuracy"][best]
assert min(test, key=test.get) == "batch_normalization"

# %% [markdown]
# The validation loss has risen, the validation *accuracy* has not fallen. How can that be? The loss is the mean
# surprise at the right digit, the accuracy counts who is first. The right digit can stay first and become less
# probable; and where it is not first, it can become less probable without limit. <!-- derived --> The table does not
# say which of the two happened here; it does say that "overfitting" has two answers, by two figures. It is one run,
# though. What five runs of each model say is the subject of [tutorial 05](05_were_the_inferences_right.ipynb). <!--
# shown: five runs of each -->

# %%
counted("five runs of each", misread, 5)

# %% [markdown]
# ## What ran?
#
# This method, once for each batch. Forward, loss, backward, update: the whole of training.

# %%
show_source(Sequential._train_step)

# %% [markdown]
# [Tutorial 02](02_backprop_by_hand.ipynb) opens the two calls that do the work.

# %% [markdown]
# ## Exercises
#
# Each has a cell for your answer. It checks itself; `...` is "not answered yet".

# %% [markdown] tags=["exercise"]
# ### 1. With a pencil
#
# The summary says how many parameters each layer has. Compute those of the second convolution (`conv2d_1`) and of the
# first dense layer (`dense`) of the plain model from their shapes, and say which layer holds most of the model.
#
# The answer: two whole numbers, and the name of a layer as the summary writes it.

# %% tags=["answer"]
answer_convolution = ...
answer_dense = ...
answer_largest = ...  # "conv2d", "conv2d_1", "dense" or "dense_1"
check("01.1", answer_convolution, answer_dense, answer_largest)

# %% [markdown] tags=["exercise"]
# ### 2. Eight images
#
# The notebook's test accuracies with and without batch normalization differ by eight images in ten thousand. Take each
# image for a coin that comes up "right" with the measured probability. How large is the standard error of the plain
# model's accuracy? How large that of the difference of the two accuracies, were they independent? And is the
# difference larger or smaller than its own standard error?
#
# The answer: two numbers in percentage points, and `"larger"` or `"smaller"`.

# %% tags=["answer"]
answer_one = ...  # percentage points
answer_difference = ...  # percentage points
answer_word = ...  # "larger" or "smaller"
check("01.2", answer_one, answer_difference, answer_word)

# %% [markdown] tags=["exercise"]
# ### 3. `fit`'s training accuracy by hand
#
# Train for one epoch with `train_on_batch`, in batches of 32 in the order of the images, and make of the accuracies of
# the batches the number that `fit(x, y, epochs=1, shuffle=False)` gives as the epoch's accuracy. `train_on_batch`
# returns loss and accuracy of its batch alone. Mind the last batch.
#
# The answer: a function of a compiled model, images and labels that returns a number from 0 to 1.


# %% tags=["answer"]
answer_epoch = ...  # a function: answer_epoch(model, x, y) -> accuracy
check("01.3", answer_epoch)

# %% [markdown] tags=["exercise"]
# ### 4. Undo the lag
#
# A training loss belongs to the middle of its epoch, a validation loss to the end. Take Keras's plain model on MNIST,
# `runs["plain"]["Keras"]["history"]`. Estimate its training loss at the *end* of epoch one from those of epochs one and
# two; mind that a loss falls steeply at first. How much of the gap between training and validation loss of epoch one is
# left?
#
# The answer: the estimated loss; and the share of the gap that is left, a number below 1: the gap with your estimate
# over the gap that `fit` shows.

# %% tags=["answer"]
answer_estimate = ...
answer_left = ...
check("01.4", answer_estimate, answer_left)

# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# **1.** A filter of the second convolution has a 3x3 window over 32 channels, and a bias; there are 64 of them. The
# dense layer has a weight from each of the 5x5x64 numbers to each of 64 units, and 64 biases.

# %% tags=["solution"]
convolution = (3 * 3 * 32 + 1) * 64
dense = (5 * 5 * 64 + 1) * 64
print(f"conv2d_1 {convolution:,}, dense {dense:,} of {model.count_params():,}: {dense / model.count_params():.0%}")
assert check("01.1", convolution, dense, "dense")

# %% [markdown] tags=["solution", "derived"]
# **2.** The standard error of a share $p$ of $n$ images is $\sqrt{p (1 - p) / n}$; the squares of two such errors add
# up to that of the difference. The difference of the table is smaller than this. (And this counts only the chance in
# choosing the test images, not that of another seed.)

# %% tags=["solution"]
n = 10_000
p, q = test["plain"], test["batch_normalization"]
one = 100 * (p * (1 - p) / n) ** 0.5
both = 100 * (p * (1 - p) / n + q * (1 - q) / n) ** 0.5
print(f"The difference is {100 * (p - q):.2f} percentage points, the standard error of one accuracy {one:.2f},")
print(f"that of the difference {both:.2f}.")
assert round((p - q) * n) == 8
assert check("01.2", one, both, "larger" if 100 * (p - q) > both else "smaller")

# %% [markdown] tags=["solution"]
# **3.** Each batch counts as often as it has images.


# %% tags=["solution"]
def epoch_accuracy(model, x, y):
    right = 0.0
    for start in range(0, len(x), 32):
        images, labels = x[start : start + 32], y[start : start + 32]
        right += len(images) * model.train_on_batch(images, labels)[1]
    return right / len(x)


assert check("01.3", epoch_accuracy)

# %% [markdown] tags=["solution", "derived"]
# **4.** A loss that falls by the same factor in equal times has at the end of epoch one the geometric mean of what it
# has in the middle of epochs one and two. It is a rough estimate; a loss that goes on falling lies between those two in
# any case.

# %% tags=["solution"]
keras_plain = runs["plain"]["Keras"]["history"]
said, later = keras_plain["loss"][:2]
unseen = keras_plain["val_loss"][0]
estimate = (said * later) ** 0.5
left = (estimate - unseen) / (said - unseen)
print(f"fit says {said:.3f}; at the end of the epoch it may be about {estimate:.3f}.")
print(f"Validation at that time: {unseen:.3f}; training in epoch 2: {later:.3f}.")
print(f"Of the gap, {left:.0%} is left.")
assert check("01.4", estimate, left)
