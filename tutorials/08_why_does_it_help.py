# %% [markdown]
# # Why does it help?
#
# Ask what batch normalization is good for, and you get an answer at once: it reduces internal covariate shift. Ask
# somebody else: it smooths the loss. A third says that it allows large learning rates, a fourth that its noise
# regularises. <!-- quoted --> Each of them can point to a paper. All four may be right, or none.
#
# An explanation is worth something if it can fail. So each of them has to say what it expects as a number, and what
# would refute it. That was written down before the runs were made: it is the docstring of [why.py](why.py), and the
# repository's history shows which came first. (What had been tried out, with other kernels, is said there as well: the
# network's size, the learning rate, the strength of a noise.) Then come the runs, and a verdict by one rule.
#
# *To run it: open it in Jupyter from a clone of the repository ([how](README.md)). It needs no network: everything was
# trained on the bundled digits, by `python -m tutorials.experiments why_steps`, `why_rates`, `why_noise` and
# `why_depth`, and is read from [results](results). All of it takes some ten seconds; reading takes 25 minutes.*

# %%
import numpy as np
from IPython.display import Markdown
from tinycnn.tutorials import normalization, why
from tinycnn.tutorials.claims import t_interval
from tinycnn.tutorials.evidence import counted, shown
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import compare, show_source

from tinycnn import plots
from tinycnn.gradient_check import check_layer
from tinycnn.layers import BatchNormalization

(x, y), _ = normalization.load_digits()
by_step, by_rate, by_depth = (why.by_kind(f"why_{name}") for name in ("steps", "rates", "depth"))
by_noise = why.by_kind("why_noise")[""]
predictions = why.predictions()


def told(explanation, *which):
    """What the runs say of the explanation's predictions, or of the first (0), the second (1), ... of them."""
    own = [one for one in predictions if one.explanation == explanation]
    for one in [own[i] for i in which] or own:
        low, high = one.interval
        print(f"{one.measure}: {one.mean:.3g} [{low:.3g}, {high:.3g}]: {one.verdict}")


# %% [markdown]
# ## What there is to explain
#
# Eight convolutions of eight channels each, on maps of 7 by 7; the kernels start as He et al. advise for relus. In one
# network nothing stands between a convolution and its relu, in the other a batch normalization. The optimizer is plain
# SGD: a step is the gradient times the learning rate, and nothing else. So whatever we say about gradients is about
# steps as well.

# %%
show_source(why.network, docstring=False)

# %%
history = {kind: np.array([run["history"] for run in runs]) for kind, runs in by_step.items()}
counted("five seeds", by_step, runs=5)
plots.seed_bands(
    {"Eight convolutions, one learning rate": {"plain": history["none"], "with BN": history["batch"]}},
    "training loss",
    log_loss=True,
)

# %% [markdown]
# Take the plain network's training loss, averaged over the whole training, and subtract that of the network with batch
# normalization, in pairs of one seed. We call this number the *gain*. <!-- derived --> It is positive for each of the
# five seeds. <!-- shown: gain, five seeds --> This number is what the explanations have to explain.

# %%
gain = history["none"].mean(axis=1) - history["batch"].mean(axis=1)
low, high = t_interval(gain.tolist())
print(f"The gain: {', '.join(f'{one:.3f}' for one in gain)}; mean {gain.mean():.3f}, interval {low:.3f} to {high:.3f}.")
shown("gain", gain, above=0)

# %% [markdown]
# The interval is that of Student's t, at the usual level, here and below ([tutorial
# 05](05_were_the_inferences_right.ipynb) says what it can and cannot do). The rule: a prediction is *supported* if the
# whole interval lies where the explanation says, *contradicted* if the whole interval lies where it must not lie, and
# *undecided* otherwise.
#
# ## First suspect: inputs that move
#
# Ioffe and Szegedy, who invented batch normalization, gave this reason in the title of their paper
# ([arXiv:1502.03167](https://arxiv.org/abs/1502.03167)): while a layer learns, the layers in front of it learn as
# well, so its inputs change their distribution under its feet: *internal covariate shift*. <!-- quoted -->
# Normalization holds mean and variance still.
#
# That can be measured. Take the inputs of a convolution over 256 images, before and after one step of SGD, and ask how
# far mean and deviation of each channel have moved, measured by the deviation. (For normal distributions that is the
# Wasserstein distance.) The prediction: with batch normalization they move less than half as far. <!-- quoted -->
#
# **Predict.** How far do the inputs move with batch normalization, in per cent of how far they move without? A number;
# 100 means just as far.

# %% tags=["predict"]
guess_motion = ...  # per cent: 100 is as far as in the plain network

# %%
at = by_step["none"][0]["at"]
motion = {kind: np.array([run["shift"] for run in runs]) for kind, runs in by_step.items()}
plots.line_chart(
    {"plain": (at, motion["none"]), "with BN": (at, motion["batch"])},
    "training step",
    "motion in one step, in deviations",
    "How far the inputs of a layer move while the others learn",
    log_y=True,
)

# %%
relative = np.median(motion["batch"], axis=1) / np.median(motion["none"], axis=1)
compare(guess_motion, 100 * np.exp(np.mean(np.log(relative))), " %")
shown("motion of the inputs as a share of the plain network's", relative, below=0.5)
told("internal covariate shift", 0)

# %% [markdown]
# The first line is a clear yes: in each run the inputs move less than half as far. <!-- shown: motion of the inputs as
# a share of the plain network's --> Here many a text ends. But two things that happen together need not be cause and
# effect: the inputs stand still, *and* the loss falls. <!-- derived --> Does the one bring about the other? Undo the
# one, and keep the rest.
#
# ## Put the shift back
#
# That is what Santurkar and others did ([arXiv:1805.11604](https://arxiv.org/abs/1805.11604)): behind each batch
# normalization they added noise whose distribution is another one in each step. <!-- quoted --> Our version scales and
# shifts each channel at random, and does the same to all images of the batch. It takes no information away, it only
# moves the ground.

# %%
show_source(why.MovingNoise, docstring=False)

# %%
print(check_layer(why.MovingNoise(0.5, 0.25), (4, 3, 3, 2)))

# %% [markdown]
# There are two strengths of it. The prediction, if moving inputs are what hurts the plain network: with noise that
# moves them at least as far, batch normalization loses at least half of its gain. <!-- quoted --> That is
# [why.py](why.py)'s wording of Ioffe and Szegedy's idea. <!-- quoted -->
#
# **Predict.** How much of the gain is left with the weaker noise? A number in per cent: 100 if the noise does nothing,
# 0 if the network learns as the plain one does.

# %% tags=["predict"]
guess_left = ...  # per cent of the gain

# %%
names = {"none": "plain", "batch": "BN", "noisy": "BN, noise", "noisier": "BN, strong noise"}
plots.line_chart(
    {name: (at, motion[kind]) for kind, name in names.items()},
    "training step",
    "motion in one step, in deviations",
    "The noise moves the inputs",
    log_y=True,
)

# %%
plots.seed_bands(
    {"And what it does to the training": {name: history[kind] for kind, name in names.items()}},
    "training loss",
    log_loss=True,
)

# %%
gains = {kind: history["none"].mean(axis=1) - history[kind].mean(axis=1) for kind in ("batch", "noisy", "noisier")}
farther = np.median(motion["noisy"], axis=1) / np.median(motion["none"], axis=1)
compare(guess_left, 100 * gains["noisy"].mean() / gains["batch"].mean(), " %")
shown("motion with noise as a share of the plain network's", farther, above=1)
told("internal covariate shift", 1)
rows = {f"{names[kind]}": values for kind, values in gains.items()}
plots.paired_differences(
    {"gain in training loss": rows},
    {"gain in training loss": {name: t_interval(values.tolist()) for name, values in rows.items()}},
    title="What is left of the gain when the inputs move",
)

# %% [markdown]
# The weaker noise moves the inputs farther than they move in the plain network, in each run. <!-- shown: motion with
# noise as a share of the plain network's --> And yet more than half of the gain survives it, in each. <!-- shown: gain
# that survives less half of it --> So this much shift is not what keeps the plain network back: here Santurkar and
# others are borne out. <!-- shown: gain that survives less half of it -->
#
# But look at the strong noise before you conclude that shift is harmless. It moves the inputs several times as far as
# they move in the plain network, and with it less than a fifth of the gain is left, in each run. <!-- shown: motion
# with strong noise as a share of the plain network's, share of the gain with strong noise --> Inputs that jump that
# far do harm. <!-- shown: share of the gain with strong noise --> In the plain network they do not jump that far. <!--
# shown: motion with strong noise as a share of the plain network's -->

# %%
shown("gain that survives less half of it", gains["noisy"] - gains["batch"] / 2, above=0)
strong = np.median(motion["noisier"], axis=1) / np.median(motion["none"], axis=1)
shown("motion with strong noise as a share of the plain network's", strong, above=5)
shown("share of the gain with strong noise", gains["noisier"] / gains["batch"], below=0.2)

# %% [markdown]
# ## The same, of gradients
#
# One can read the idea in another way, and the same authors do (in their definition of it): what matters to a layer is
# its *gradient*. It was computed for the other layers as they are; in the same step they change. How much does the
# layer's gradient turn when those in front of it have made their step? <!-- quoted -->

# %%
show_source(why.gradients_before_and_after, docstring=False)

# %%
turned = {kind: np.array([run["cosine"] for run in by_step[kind]]) for kind in ("none", "batch")}
plots.line_chart(
    {names[kind]: (at, cosines) for kind, cosines in turned.items()},
    "training step",
    "cosine, mean over the layers",
    "A layer's gradient before and after the step of those in front of it",
)

# %%
told("the same, of gradients")
counted("seeds of the cosines", turned, runs=5)
difference = np.median(turned["batch"], axis=1) - np.median(turned["none"], axis=1)
print(f"BN less plain, seed by seed: {', '.join(f'{one:+.3f}' for one in difference)}")
assert difference.min() < 0 < difference.max()
assert (difference < 0).sum() == 4

# %% [markdown]
# Undecided: the interval holds zero, and the five seeds do not even agree on the sign. <!-- shown: seeds of the
# cosines --> In four of the five seeds a layer's gradient turns further with batch normalization than without, which
# is the opposite of the prediction. <!-- shown: seeds of the cosines --> Santurkar and others, too, found no less of
# this shift with batch normalization, and often more. <!-- quoted -->
#
# ## Second suspect: a rough loss
#
# In place of the shift, Santurkar and others offer this: with batch normalization the loss is *smoother*. <!-- quoted
# --> You stand at a point and know loss and gradient there. You are about to take a step. If the gradient is about the
# same a little further down, you can trust it; if it turns, the step goes where nobody has looked.
#
# So walk ahead. From the same point, along the same step, at $\tfrac12$, $1$, $2$ and $4$ times the learning rate:
# within which range does the loss vary, and how far does the gradient get from the first one? That is what their
# figure 4 shows. <!-- quoted --> There is a trap: a network whose gradient is small takes small steps, and everything
# looks smooth. So we divide the change by the gradient's own length, too.

# %%
show_source(why.along_the_step, docstring=False)

# %% [markdown]
# **Predict.** How large is, with batch normalization, the change of the gradient as a share of the gradient, in per
# cent of what it is without? A number; 100 is as rough as the plain network.

# %% tags=["predict"]
guess_rough = ...  # per cent: 100 is as large as in the plain network

# %%
rough = {
    key: {names[kind]: (at, np.array([run[key] for run in by_step[kind]])) for kind in ("none", "batch")}
    for key in ("loss_range", "gradient_change", "relative_change")
}
plots.line_chart(
    rough["loss_range"], "training step", "highest less lowest loss", "Along the step: the loss", log_y=True
)

# %%
plots.line_chart(
    rough["relative_change"],
    "training step",
    "change, in lengths of the gradient",
    "Along the step: the gradient",
    log_y=True,
)

# %%
smoothness = {
    key: np.median(lines["BN"][1], axis=1) / np.median(lines["plain"][1], axis=1) for key, lines in rough.items()
}
compare(guess_rough, 100 * np.exp(np.mean(np.log(smoothness["relative_change"]))), " %")
told("smoother loss")
shown("loss_range with BN as a share of the plain network's", smoothness["loss_range"], below=0.5)
shown("gradient_change with BN as a share of the plain network's", smoothness["gradient_change"], below=1)
shown("relative_change with BN as a share of the plain network's", smoothness["relative_change"], below=1)
first = [np.array([run["loss_range"][0] for run in by_step[kind]]) for kind in ("batch", "none")]
shown("loss_range of the first step with BN over the plain network's", first[0] / first[1], above=1)
for one in predictions:
    if one.measure.startswith(("change of the gradient", "the same as a share")):
        assert one.interval[0] < 0.5 < one.interval[1] < 1
noisier = why.typical(by_step["noisier"], "relative_change") / why.typical(by_step["none"], "relative_change")
shown("relative change with strong noise as a share of the plain network's", noisier, below=1)
shown("share of the gain next to smoothness", gains["noisier"] / gains["batch"], below=0.2)

# %% [markdown]
# In each run the loss varies less than half as much along the step as in the plain network, as predicted. <!-- shown:
# loss_range with BN as a share of the plain network's --> The gradient changes less, and by a smaller share of itself,
# in each run. <!-- shown: gradient_change with BN as a share of the plain network's, relative_change with BN as a
# share of the plain network's --> Look at the left end of both figures, too: in the first step, before the plain
# network has begun to learn, its loss is the flatter one, in each run. <!-- shown: loss_range of the first step with
# BN over the plain network's --> Is the change of the gradient less than half, as was predicted? These seeds leave it
# open: both intervals hold one half.
#
# But is it the reason for the gain? Look back at the network with the strong noise. Along its steps, with the noise of
# each step held fixed, the gradient changes by a smaller share than in the plain network, too, in each run; and next
# to nothing is left of the gain. <!-- shown: relative change with strong noise as a share of the plain network's,
# share of the gain next to smoothness --> Smooth steps are not enough. <!-- shown: share of the gain next to
# smoothness -->
#
# ## Third suspect: larger steps
#
# Ioffe and Szegedy's own second reason: batch normalization allows much higher learning rates. <!-- quoted -->
# [Tutorial 03](03_batch_normalization.ipynb) has seen it with Adam. Here is SGD at five learning rates; and beside
# batch normalization stand two relatives, of which below.

# %%
rates = by_rate["none"][0]["settings"]["rates"]
titles = {"none": "plain", "batch": "BN", "layer": "layer norm", "group": "group norm"}
losses = {kind: why.losses_by(runs) for kind, runs in by_rate.items()}
plots.line_chart(
    {titles[kind]: (rates, why.final(by_rate[kind], "accuracy", 0.1)) for kind in titles},
    "learning rate of SGD",
    "training accuracy in the second epoch",
    "Which steps work",
    levels={"guessing": 0.1},
    log_x=True,
)

# %%
largest = {kind: why.largest_rates(runs) for kind, runs in by_rate.items()}
for kind, values in largest.items():
    print(f"{titles[kind]:>10}: more than half right up to {', '.join(f'{value:g}' for value in values)}")
told("larger learning rates")
shown("largest rate that works with BN over the plain network's", largest["batch"] / largest["none"], above=2.9)
choice = losses["none"].argmin(axis=1)
at_its_best = np.array([losses["none"][i, j] - losses["batch"][i, j] for i, j in enumerate(choice)])
shown("gain at the plain network's best rate", at_its_best, above=0)

# %% [markdown]
# The first prediction holds: the largest rate that works is at least three times as large with batch normalization, in
# each run. <!-- shown: largest rate that works with BN over the plain network's --> The grid is coarse, so the factor
# itself is not known.
#
# The second one fails. Give the plain network its own best rate, and batch normalization at that same rate is still
# ahead, in each run. <!-- shown: gain at the plain network's best rate --> So it does allow larger steps, and that is
# not all that it does. <!-- shown: gain at the plain network's best rate -->
#
# ## Fourth suspect: noise
#
# In training each image is normalised by the company that it happens to be in, so its answer is a little random. Ioffe
# and Szegedy suggest that this keeps a network from learning its images by heart, as dropout does. <!-- quoted --> If
# so, the loss on images that it has not seen falls as the noise grows.
#
# The noise can be turned up and down, and nothing else with it: compute the statistics not over the whole batch but
# over parts of it, as Hoffer and others do ([arXiv:1705.08741](https://arxiv.org/abs/1705.08741)). <!-- quoted --> The
# batch stays 60 images, the steps stay the same; only the statistics are those of 60, of 12 or of 3. We train on 360
# images, which can be learned by heart, and look at the test images.

# %%
show_source(why.PartsNormalization, docstring=False)

# %% [markdown]
# **Predict.** With which statistics is the test loss lowest: those of `"60"`, `"12"` or `"3"` images?

# %% tags=["predict"]
guess_size = ...  # "60", "12" or "3"

# %%
sizes = by_noise[0]["settings"]["sizes"]
test_loss = dict(zip(["plain", *sizes], why.final(by_noise, "test_loss", why.GUESSING).T, strict=True))
fitted = dict(zip(["plain", *sizes], why.final(by_noise, "loss", why.GUESSING).T, strict=True))
rows = {name if name == "plain" else f"parts of {name}": values for name, values in test_loss.items()}
plots.ranking(
    {"plain": {"plain": rows.pop("plain")}, "batch normalization": rows},
    {name: t_interval(values.tolist()) for name, values in {"plain": test_loss["plain"], **rows}.items()},
    "loss on the test images after 16 epochs",
    title="More and more noise",
)

# %%
means = {str(size): float(test_loss[size].mean()) for size in sizes}
compare(guess_size, min(means, key=means.get))
for name in test_loss:
    print(f"{name:>5}: training loss {fitted[name].mean():.4f}, test loss {test_loss[name].mean():.3f}")
told("noise as regularisation")
fit_better = np.array([fitted[size] - fitted["plain"] for size in sizes]).T
shown("training loss of BN less that of plain", fit_better, below=0)
shown("test loss of BN with little noise less that of plain", test_loss[60] - test_loss["plain"], above=0)

# %% [markdown]
# Nothing of the kind. Whether the test loss falls or rises with the noise, the runs do not tell. And something else
# came out, on which nobody had bet: on so few images there is no advantage to explain. The networks with batch
# normalization fit the training images better than the plain one, in each run, with little noise and with much. <!--
# shown: training loss of BN less that of plain --> On the test images the one with the statistics of the whole batch
# has the higher loss, in each run. <!-- shown: test loss of BN with little noise less that of plain --> What batch
# normalization gains here, it gains in learning, not in generalising. <!-- shown: training loss of BN less that of
# plain, test loss of BN with little noise less that of plain -->
#
# ## Without the batch
#
# Perhaps the batch is not the point at all. *Layer normalization* takes mean and variance over all channels and pixels
# of one image, *group normalization* (Wu and He, [arXiv:1803.08494](https://arxiv.org/abs/1803.08494)) over a group of
# channels of it. <!-- quoted --> No image knows of another, nothing is noisy, nothing has to be averaged for
# inference. With one group the second is the first. <!-- derived -->

# %%
best = {kind: values.min(axis=1) for kind, values in losses.items()}
without_batch = {titles[kind]: best["none"] - best[kind] for kind in ("batch", "layer", "group")}
plots.paired_differences(
    {"gain, each at its own best rate": without_batch},
    {"gain, each at its own best rate": {name: t_interval(v.tolist()) for name, v in without_batch.items()}},
    title="With a batch and without",
)

# %%
told("the batch")
rest = {name: values / without_batch["BN"] for name, values in without_batch.items() if name != "BN"}
shown("gain without a batch as a share of BN's", np.array(list(rest.values())).T, above=0.4)
behind = np.array([best[kind] - best["batch"] for kind in ("layer", "group")]).T
shown("loss without a batch less that of BN", behind, above=0)
reach = np.array([largest["batch"] / largest[kind] for kind in ("layer", "group")]).T
shown("largest rate that works with BN over those without a batch", reach, above=2.9)

# %% [markdown]
# Both learn faster than the plain network, in each run: they have more than two fifths of what batch normalization
# gains. <!-- shown: gain without a batch as a share of BN's --> Whether it is half, as the rule wants to know, stays
# open. Batch normalization is ahead of both, in each run, and it alone still works at three times the rate at which
# they do. <!-- shown: loss without a batch less that of BN, largest rate that works with BN over those without a batch
# --> So much of the gain needs no batch, and some of it does. <!-- shown: gain without a batch as a share of BN's,
# loss without a batch less that of BN -->
#
# ## What depth adds
#
# So far the kernels began as they should. Keras's default start, Glorot's, was not made for relus: its kernels keep
# the size of a signal in a linear network, and a relu throws half of the mean square away, in each layer. <!-- derived
# --> Here are the inputs of sixteen convolutions before anything is learned.

# %%
sizes_of = {}
for name, kind, start in (("He", "none", "he"), ("Glorot", "none", "glorot"), ("Glorot and BN", "batch", "glorot")):
    runs = [why.inputs(why.network(kind, 16, start=start, seed=seed), x[:256]) for seed in range(1, 6)]
    sizes_of[name] = np.array([[np.sqrt(np.mean(mean**2 + std**2)) for mean, std in run] for run in runs])
plots.line_chart(
    {name: (np.arange(2, 17), values) for name, values in sizes_of.items()},
    "convolution",
    "root mean square of its inputs",
    "Sixteen convolutions before the first step",
    log_y=True,
)

# %%
arriving = {name: values[:, -1] / values[:, 0] for name, values in sizes_of.items()}
shown("what arrives with Glorot's start", arriving["Glorot"], below=0.01)
shown("what arrives with He's start", arriving["He"], above=0.05)
shown("what arrives with BN", arriving["Glorot and BN"], above=0.7, below=1.4)

# %% [markdown]
# With Glorot's start less than a hundredth of the signal arrives at the sixteenth convolution, measured by what
# arrived at the second. <!-- shown: what arrives with Glorot's start --> With He's start more than a twentieth
# arrives. <!-- shown: what arrives with He's start --> (The zeros around the maps take their share, too.) With batch
# normalization the size hardly depends on the layer, even with Glorot's start. <!-- shown: what arrives with BN -->
#
# There are two remedies that need no normalization: He's start, which doubles the variance of the kernels (He et al.,
# [arXiv:1502.01852](https://arxiv.org/abs/1502.01852)), and skip connections, on which the signal goes round the
# convolutions (He et al., [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)). <!-- quoted --> If batch
# normalization's service at depth is the scale of signals, then with both remedies there is little left for it to do.
#
# **Predict.** Of the gain that batch normalization brings to sixteen convolutions with Glorot's start and without
# skips, how much is left with He's start and skips? A number in per cent.

# %% tags=["predict"]
guess_remedies = ...  # per cent of the gain

# %%
depth_gains = why.gains_at_depth()
rows = {
    f"{depth} layers, {title}": depth_gains[depth, start, skip]
    for depth in (4, 8, 16)
    for start, skip, title in (("glorot", False, "Glorot"), ("he", False, "He"), ("he", True, "He and skips"))
}
plots.paired_differences(
    {"gain in training loss": rows},
    {"gain in training loss": {name: t_interval(values.tolist()) for name, values in rows.items()}},
    title="What batch normalization gains at depth",
)

# %%
places = [(t["depth"], t["start"], t["skip"]) for t in by_depth["none"][0]["trainings"]]
accuracy = {kind: why.final(runs, "accuracy", 0.1) for kind, runs in by_depth.items()}
for i, (depth, start, skip) in enumerate(places):
    none, with_bn = (100 * accuracy[kind][:, i] for kind in ("none", "batch"))
    print(f"{depth:2} layers, {start:6} {'skips' if skip else '':5}: ", end="")
    print(f"plain {none.min():5.1f} to {none.max():5.1f} %, BN {with_bn.min():5.1f} to {with_bn.max():5.1f} %")

# %%
left = depth_gains[16, "he", True] / depth_gains[16, "glorot", False]
compare(guess_remedies, 100 * left.mean(), " %")
told("scale at depth")
grown = depth_gains[16, "glorot", False] - depth_gains[4, "glorot", False]
shown("gain at 16 layers less that at 4 with Glorot's start", grown, below=0)
plain = {depth: accuracy["none"][:, places.index((depth, "glorot", False))] for depth in (4, 16)}
shown("accuracy of plain at 4 layers with Glorot's start", plain[4], below=0.5)
shown("accuracy of plain at 16 layers with Glorot's start", plain[16], below=0.15)
slower = why.losses_by(by_depth["batch"])
slower = slower[:, places.index((16, "glorot", False))] - slower[:, places.index((4, "glorot", False))]
shown("loss of BN at 16 layers less that at 4 with Glorot's start", slower, above=0)
share = depth_gains[4, "he", False] / depth_gains[4, "glorot", False]
shown("gain at 4 layers with He's start as a share of that with Glorot's", share, below=0.5)
share = depth_gains[8, "he", True] / depth_gains[8, "glorot", False]
shown("gain at 8 layers with both remedies as a share of that with neither", share, below=1 / 3)

# %% [markdown]
# The prediction was growth with depth. With Glorot's start the gain is smaller at sixteen layers than at four, in each
# run; with He's start the seeds leave it open. <!-- shown: gain at 16 layers less that at 4 with Glorot's start -->
# The accuracies tell how that comes about. With Glorot's start the plain network gets less than half of its images
# right at four layers already, and at sixteen it guesses. <!-- shown: accuracy of plain at 4 layers with Glorot's
# start, accuracy of plain at 16 layers with Glorot's start --> It cannot get any worse; but the network with batch
# normalization can, and learns less at sixteen layers than at four. <!-- shown: loss of BN at 16 layers less that at 4
# with Glorot's start -->
#
# And the remedies? At sixteen layers the runs are too far apart for a verdict. At four layers He's start alone takes
# away more than half of the gain, in each run. <!-- shown: gain at 4 layers with He's start as a share of that with
# Glorot's --> At eight layers, with both remedies, less than a third of it is left. <!-- shown: gain at 8 layers with
# both remedies as a share of that with neither --> These two sentences had no prediction, so take them as questions to
# the next experiment. Where you meet batch normalization in a network with Keras's default start, ask how much of it
# belongs to the start.
#
# ## The verdicts
#
# All of it in one table, by the rule from the beginning.

# %%
counted("seeds of each kind", {one.measure: one.values for one in predictions}, runs=5)
Markdown(why.table(predictions))

# %% [markdown]
# Which explanation is right, then? Several of them describe something that is there: inputs that stand still, a loss
# that varies little along the step, learning rates that reach further. None of them passes all of its own predictions.
# Whoever gives you a single reason has not tried to refute it.
#
# What the table does not say: it is about one small network on small images, plain SGD, and trainings of a few epochs.
# The papers' networks are larger, and so are their images. <!-- quoted --> It has five seeds, and an "undecided" is
# not a "no": the interval says what is still possible. <!-- shown: seeds of each kind --> And there are many lines: of
# so many intervals at this level one may miss its mean by chance, and nothing here is corrected for that ([tutorial
# 05](05_were_the_inferences_right.ipynb) shows how). <!-- derived -->

# %% [markdown]
# ## Exercises

# %% [markdown] tags=["exercise"]
# ### 1. A kernel times ten
#
# *On paper.* The kernel in front of a batch normalization is multiplied by ten. The output stays as it is
# ($\varepsilon = 0$). By which factor does the kernel's gradient change? And by which factor the length of a step of
# SGD *as a share of the kernel's own length*, at the same learning rate? Two positive numbers, 1 where nothing
# changes.

# %% tags=["answer"]
answer_gradient = ...
answer_share = ...
check("08.1", answer_gradient, answer_share)

# %% [markdown] tags=["exercise"]
# ### 2. Sixteen layers on paper
#
# A convolution whose kernel has entries of variance $v$ and mean 0 multiplies the mean square of a signal by $nv$,
# with $n$ numbers in its window; a relu behind it, whose input is symmetric around 0, by $\tfrac12$. Glorot's start
# has $nv = 1$ (as many channels out as in), He's $nv = 2$. What becomes of the mean square in 16 such layers, with
# either? And what in 7 blocks $x + f(x)$, where $f$ keeps the mean square, and $x$ and $f(x)$ are uncorrelated and
# have mean 0? Three numbers: factors of the mean square.

# %% tags=["answer"]
answer_glorot = ...
answer_he = ...
answer_skip = ...
check("08.2", answer_glorot, answer_he, answer_skip)

# %% [markdown] tags=["exercise"]
# ### 3. Without company
#
# Write group normalization without $\gamma$ and $\beta$: a function that takes images of shape `(n, h, w, c)` and a
# number of groups, and returns an array of that shape, in which each group of neighbouring channels of each image has
# mean 0 and variance 1.

# %% tags=["answer"]
answer_group_normalize = ...  # a function (x, groups) -> y
check("08.3", answer_group_normalize)

# %% [markdown] tags=["exercise"]
# ### 4. When is rough too rough?
#
# *On paper.* The loss is $L(w) = \tfrac12 h w^2$ with $h > 0$. After a step of gradient descent with the learning rate
# $\eta$ the gradient has changed; by how much, as a share of its length? A function of $h$ and $\eta$. And a number:
# which value does it have where the step ends as high as it began? Look for it in the figure "Along the step: the
# gradient".

# %% tags=["answer"]
answer_relative_change = ...  # a function (h, rate) -> number
answer_limit = ...
check("08.4", answer_relative_change, answer_limit)

# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# **1.** The loss is the same function of a tenth of the kernel, so by the chain rule the gradient is a tenth. The step
# is a tenth as long, the kernel ten times: a hundredth. A network with batch normalization whose kernels grow turns
# its own learning rate down.

# %% tags=["solution"]
layer = BatchNormalization(epsilon=0.0, dtype="float64")
layer.build((32, 6))
rng = np.random.default_rng(1)
inputs, kernel, dy = rng.normal(size=(32, 4)), rng.normal(size=(4, 6)), rng.normal(size=(32, 6))
lengths = []
for factor in (1, 10):
    layer.forward(inputs @ (factor * kernel), training=True)
    lengths.append(np.linalg.norm(inputs.T @ layer.backward(dy)))
assert check("08.1", lengths[1] / lengths[0], lengths[1] / lengths[0] / 10)

# %% [markdown] tags=["solution"]
# **2.** Glorot: a half in each layer. He: the 2 and the half cancel. A block: the mean squares of what is uncorrelated
# and has mean 0 add up, so it doubles. Both are why such networks want something that holds the scale: a start made
# for it, a normalization, or a small factor on the branch.

# %% tags=["solution"]
assert check("08.2", 0.5**16, 1, 2**7)

# %% [markdown] tags=["solution"]
# **3.** The pixels become one axis, the channels two: groups, and channels of a group.


# %% tags=["solution"]
def group_normalize(x, groups, epsilon=1e-6):
    parts = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    mean, variance = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    return ((parts - mean) / np.sqrt(variance + epsilon)).reshape(x.shape)


assert check("08.3", group_normalize)

# %% [markdown] tags=["solution"]
# **4.** The gradient is $hw$, after the step $h(w - \eta h w)$: the change is $\eta h$ of it. The loss is as high as
# before where $w - \eta h w = -w$, that is at $\eta h = 2$. Whatever lies above that in the figure is a step that, on
# a parabola, would lead uphill.

# %% tags=["solution"]
assert check("08.4", lambda h, rate: h * rate, 2)
