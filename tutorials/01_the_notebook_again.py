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
# *To run it: open it in Jupyter from a clone of the repository ([how](README.md)). It needs no network: what is trained
# here is trained on the bundled digits, in seconds, and the figures on MNIST come from a file. Reading it takes a
# quarter of an hour.*

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
# package instead, which look like MNIST's and are some forty times fewer, and keeps two hundred of them for validation
# where the notebook keeps ten thousand. The seed is new, too: with it you will see the same numbers as this page.

# %%
keras.utils.set_random_seed(42)
(X_train, y_train), (X_test, y_test) = keras.datasets.digits.load_data()
validation = 200
print(X_train.shape, X_test.shape, y_train.shape, y_test.shape, X_train.dtype)

# %%
plt.imshow(X_train[90])
plt.show()

# %%
X_train = X_train.reshape(-1, 28, 28, 1).astype("float32") / 255.0
X_test = X_test.reshape(-1, 28, 28, 1).astype("float32") / 255.0
X_val, y_val = X_train[-validation:], y_train[-validation:]
X_train, y_train = X_train[:-validation], y_train[:-validation]

# %% [markdown]
# ## The plain model
#
# From here on every cell is the notebook's.

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
plt.plot(history.history["loss"], label="training loss")
plt.plot(history.history["val_loss"], label="validation loss")
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
# Nobody has cheated. The two numbers are taken at different times. `fit` adds up what it sees *while the weights move*:
# the first batch, of which an untrained network knows nothing, counts as much as the last. Validation happens when the
# epoch is over, with the weights that it ended with. So the training figure is about half an epoch old.
#
# If that is all, the difference must vanish when both are measured at the same time. Let us train one epoch and then
# ask about the training images with `evaluate`, which moves nothing.

# %%
keras.utils.set_random_seed(42)
again = tensorflow.keras.models.plain()  # the model above, ready-made
again.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
during = again.fit(X_train, y_train, epochs=1, verbose=0).history["accuracy"][0]
after = again.evaluate(X_train, y_train, verbose=0)[1]
unseen = again.evaluate(X_val, y_val, verbose=0)[1]
print(f"The training images, while learning: {during:.1%}")
print(f"The training images, at the end:     {after:.1%}")
print(f"The validation images, at the end:   {unseen:.1%}")
assert after > during + 0.05
assert after > unseen - 0.05

# %% [markdown]
# Measured at the same time, the training images are no longer behind: the gap was made by the clock. This is worth
# knowing before you look at a loss curve: the training curve lags, and where the curves are steep, in the first epochs,
# the lag is most of what you see.
#
# ## Second puzzle: the same images, another loss
#
# Now the end of the training. All three models have seen the training images ten times. What does `fit` say about the
# last epoch, and what does `evaluate` say about the same images right after it?

# %%
gaps = {}
for name, network, past in (
    ("plain", model, history),
    ("dropout", model_dropout, history_dropout),
    ("batch normalization", model_bn, history_bn),
):
    fitted, evaluated = past.history["loss"][-1], network.evaluate(X_train, y_train, verbose=0)[0]
    gaps[name] = evaluated / fitted
    print(f"{name:20} fit says {fitted:.4f}, evaluate says {evaluated:.4f}: {gaps[name]:.2f} times as much.")

# %% [markdown]
# Three models, three answers:
#
# - **plain**: what is left of the lag. The last batches of an epoch are a little better than the first ones.
# - **dropout**: `fit` is far too pessimistic. It measures the loss with units switched off, which makes the task
#   harder. `evaluate` uses all of them. [Tutorial 04](04_dropout.ipynb) takes this apart.
# - **batch normalization**: `fit` is far too optimistic! In training, each batch is normalised with its own mean and
#   variance; in `evaluate`, with running averages, which so few steps have hardly moved from where they started.
#   [Tutorial 03](03_batch_normalization.ipynb) starts here, and repairs it in two ways.

# %%
checks = {
    "plain: evaluate says less, by the lag": 0.1 < gaps["plain"] < 1.05,
    "dropout: evaluate says less than half": gaps["dropout"] < 0.5,
    "batch normalization: evaluate says more than five times as much": gaps["batch normalization"] > 5,
}
for claim, holds in checks.items():
    print(f"{claim}: {'holds' if holds else 'DOES NOT HOLD'}")
assert all(checks.values())

# %% [markdown]
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
from tinycnn.tutorials.helpers import benchmark, result, show_source

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
# Solid lines are training, dashed ones validation. Before you read on, look for yourself: which differences are between
# *models*, and which are between *runs* of the same model?

# %%
spread = {name: [run["test_accuracy"] for run in hands.values()] for name, hands in runs.items()}
between_hands = max(max(values) - min(values) for values in spread.values())
means = [sum(values) / len(values) for values in spread.values()]
between_models = max(means) - min(means)
print(f"Test accuracies of one model, by three hands: up to {100 * between_hands:.2f} percentage points apart.")
print(f"Mean test accuracies of the three models: up to {100 * between_models:.2f} points apart.")
print(f"All nine lie between {min(map(min, spread.values())):.2%} and {max(map(max, spread.values())):.2%}.")
assert between_hands > between_models
assert min(map(min, spread.values())) > 0.98

# %% [markdown]
# One difference is too regular for that. Look at the training loss of the first epoch:

# %%
for name, hands in runs.items():
    losses = {hand: run["history"]["loss"][0] for hand, run in hands.items()}
    print(f"{name:20} {', '.join(f'{hand} {loss:.4f}' for hand, loss in losses.items())}")
    assert losses["the notebook"] > 1.5 * max(losses["tinycnn"], losses["Keras"])

# %% [markdown]
# The notebook's are far above both others, for all three models; in later epochs they agree. Its table was copied from
# the progress lines, and Keras's progress line averaged *twice* in those years: `fit` handed it the running mean after
# each batch, and it showed the mean of these (Keras issue [21301](https://github.com/keras-team/keras/issues/21301)).
# In the mean of running means the first batches, which are bad, count again and again. The history that `fit` returns
# was never wrong. Here are both means for one epoch on the digits:

# %%
keras.utils.set_random_seed(42)
again = tensorflow.keras.models.plain()
again.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
running = []  # train_on_batch returns the running mean, as fit hands it on
for start in range(0, len(X_train), 32):
    running.append(again.train_on_batch(X_train[start : start + 32], y_train[start : start + 32])[0])
print(
    f"The mean loss of the epoch is {running[-1]:.4f}, the mean of its running means {sum(running) / len(running):.4f}."
)
assert sum(running) / len(running) > 1.2 * running[-1]

# %% [markdown]
# So even a number that everybody calls "the training loss" needs its recipe beside it.
#
# Apart from that, the figures change, but not with the framework: with the *run*. Another seed gives other initial
# weights, another order of images, other masks. Two runs of one model differ by more than the means of the models do.
# Single runs cannot say which of these models is best, whoever makes them.
#
# That tinycnn computes what Keras computes is known from elsewhere: given the same weights, the same batches and the
# same masks, each step of the two agrees (see "How it is known to be right" in the [README](../README.md)).
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
test = {name: notebook[name]["test_accuracy"] for name in MODELS}
print(f"Test accuracy: {', '.join(f'{name} {value:.2%}' for name, value in test.items())}.")
print(f"The lowest of the three is that of {min(test, key=test.get)}.")
assert rise > 1.2
assert fall > 3
assert min(test, key=test.get) == "batch_normalization"

# %% [markdown]
# And yet the validation *accuracy* of the plain model does not fall in those epochs. Loss and accuracy tell different
# stories: the network errs no more often, but it is surer when it errs. Which of the notebook's conclusions survive
# five runs of each model is the subject of [tutorial 05](05_were_the_inferences_right.ipynb).
#
# ## What ran?
#
# This method, once for each batch. Forward, loss, backward, update: the whole of training.

# %%
show_source(Sequential._train_step)

# %% [markdown]
# [Tutorial 02](02_backprop_by_hand.ipynb) opens the two calls that do the work.
#
# ## Exercises
#
# 1. *With a pencil.* The summary says how many parameters each layer has. Compute those of the second convolution and
#    of the first dense layer, from their shapes. Which layer holds most of the model?
# 2. The notebook's test accuracies with and without batch normalization differ by eight images in ten thousand. If each
#    image is a coin that comes up "right" with the measured probability, how large is the standard error of one such
#    accuracy? Is the difference large beside it?
# 3. Make `fit`'s training accuracy yourself: train a new model for one epoch with `train_on_batch`, batch by batch in
#    the order of the images, keep the accuracy of each batch, and take the mean. Mind the last batch, which is shorter.
#    Compare with `fit(..., shuffle=False)`.
# 4. Undo the lag of the first puzzle in Keras's figures on MNIST: a training loss belongs to the middle of its epoch, a
#    validation loss to the end. Estimate the plain model's training loss at the end of epoch one from those of epochs
#    one and two. How much of the gap to the validation loss is left?

# %% [markdown]
# ## Solutions
#
# **1.** A filter of the second convolution has a 3x3 window over 32 channels, and a bias; there are 64 of them. The
# dense layer has a weight from each of the 5x5x64 numbers to each of 64 units, and 64 biases.

# %%
convolution = (3 * 3 * 32 + 1) * 64
dense = (5 * 5 * 64 + 1) * 64
print(f"conv2d_1 {convolution:,}, dense {dense:,} of {model.count_params():,}: {dense / model.count_params():.0%}")
assert convolution == model.layers[2].count_params()
assert dense == model.layers[5].count_params()
assert dense > 0.8 * model.count_params()

# %% [markdown]
# **2.** The standard error of a share $p$ of $n$ images is $\sqrt{p (1 - p) / n}$; that of a difference of two such
# shares, were they independent, is larger by $\sqrt 2$. The difference is smaller than that. (And this counts only the
# chance in choosing the test images, not that of another seed.)

# %%
n = 10_000
p, q = test["plain"], test["batch_normalization"]
one = (p * (1 - p) / n) ** 0.5
both = (p * (1 - p) / n + q * (1 - q) / n) ** 0.5
print(f"The difference is {100 * (p - q):.2f} percentage points, the standard error of one accuracy {100 * one:.2f},")
print(f"that of the difference {100 * both:.2f}.")
assert round((p - q) * n) == 8
assert p - q < both

# %% [markdown]
# **3.** `train_on_batch` returns running means, so they are set back before each batch.

# %%
keras.utils.set_random_seed(7)
by_hand = tensorflow.keras.models.plain()
by_hand.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
right = 0.0
for start in range(0, len(X_train), 32):
    x, y = X_train[start : start + 32], y_train[start : start + 32]
    by_hand.reset_metrics()
    right += len(x) * by_hand.train_on_batch(x, y)[1]

keras.utils.set_random_seed(7)
by_fit = tensorflow.keras.models.plain()
by_fit.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
said = by_fit.fit(X_train, y_train, epochs=1, shuffle=False, verbose=0).history["accuracy"][0]
print(f"by hand {right / len(X_train):.6f}, by fit {said:.6f}")
assert abs(right / len(X_train) - said) < 1e-6

# %% [markdown]
# **4.** Between the middle of epoch one and that of epoch two the loss falls steeply, and more like a power than along
# a line: so take the geometric mean. It is a rough estimate, but there is a firm bound beside it: the mean of epoch two
# is already below the validation loss of the end of epoch one.

# %%
keras_plain = runs["plain"]["Keras"]["history"]
said, later = keras_plain["loss"][:2]
unseen = keras_plain["val_loss"][0]
estimate = (said * later) ** 0.5
print(f"fit says {said:.3f}; at the end of the epoch it may be about {estimate:.3f}.")
print(f"Validation at that time: {unseen:.3f}; training in epoch 2: {later:.3f}.")
print(f"Of the gap, {(estimate - unseen) / (said - unseen):.0%} is left, or nothing.")
assert later < unseen < estimate < said
assert estimate - unseen < 0.5 * (said - unseen)
