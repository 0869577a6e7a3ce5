# %% [markdown]
# # Were the notebook's inferences right?
#
# *To run it:* open it in Jupyter, or rebuild it with `python -m tutorials.build 05`. It needs no network: it reads
# the results of a study, small files in this repository, and the exercises train on the digits that are bundled with
# tinycnn. It takes about 20 seconds; reading it about 25 minutes.
#
# The runs themselves take far longer. Those shown here are a *pilot* of five seeds. What it cannot decide, a study of
# fifty seeds could, which [PLAN.md](PLAN.md) fixes beforehand; it can be interrupted, goes on, and can be spread over
# machines:
#
# ```
# python -m tutorials.study --jobs 2                    # all runs, two at a time
# python -m tutorials.study --scheduler tcp://host:8786 # the same on a Dask cluster
# ```

# %%
import numpy as np
from IPython.display import Markdown
from scipy import stats
from tinycnn.tutorials import claims, study
from tinycnn.tutorials.helpers import show_source

from tinycnn import plots

results = study.load(study.PILOT)
NAMES = {
    "plain": "plain",
    "dropout": "dropout",
    "batch_normalization": "BN",
    "dropout_and_batch_normalization": "dropout and BN",
}
SEEDS = sorted({seed for who, _, seed in results if who == "tinycnn"})
CONTROL = sorted({seed for who, _, seed in results if who == "keras"})
settings = next(iter(results.values()))["settings"]
print(f"{len(results)} runs: {len(NAMES)} models in tinycnn with seeds {SEEDS},")
print(f"{len(study.NOTEBOOK)} in Keras with seeds {CONTROL};")
print(f"{settings['epochs']} epochs of {settings['data'].upper()} in batches of {settings['batch_size']}.")
assert len(results) == len(NAMES) * len(SEEDS) + len(study.NOTEBOOK) * len(CONTROL)
assert settings["images"] is None

# %% [markdown]
# ## Who wins?
#
# A Keras notebook trains three small networks on MNIST: a plain one, one with dropout, one with batch normalization
# (BN). It trains each once, compares the three, and draws conclusions: the model needs batch normalization; it does
# not need dropout; and so on. Its program is sound. You may have written one like it.
#
# Here is the same comparison five times. Nothing differs between the rows but the seed: other random weights to begin
# with, the same images in another order. Which model is the best one?

# %%
three = ["plain", "dropout", "batch_normalization"]
accuracy = {name: claims.values(results, claims.test_accuracy, name) for name in NAMES}
notebook = {"plain": 99.18, "dropout": 99.17, "batch_normalization": 99.10}  # as it printed them, in per cent
print(f"test accuracy  {''.join(f'{NAMES[name]:>10}' for name in three)}    the best")
winners = []
for seed in SEEDS:
    row = [accuracy[name][seed] for name in three]
    winners.append(NAMES[three[int(np.argmax(row))]])
    print(f"seed {seed}         {''.join(f'{value:8.2f} %' for value in row)}    {winners[-1]}")
row = [notebook[name] for name in three]
print(f"the notebook   {''.join(f'{value:8.2f} %' for value in row)}    {NAMES[three[int(np.argmax(row))]]}")
assert np.argmin(row) == three.index("batch_normalization")

orders = {tuple(np.argsort([accuracy[name][seed] for name in three])) for seed in SEEDS}
print(
    f"\n{len(SEEDS)} repetitions, {len(set(winners))} different winners, {len(orders)} different orders of the three."
)

# %% [markdown]
# Had you run the notebook once, you would have seen one of these rows, and told the story that goes with it. The
# notebook saw the last one, in which batch normalization comes last, and still concluded that the model needs it, from
# its losses.
#
# So the question is not which model won. It is: *if you repeated this, how would it come out, and how sure can you
# be?*

# %% [markdown]
# ## What was run
#
# The recipe is the notebook's, with a fourth model that has both additions, and one more precaution. All runs of a
# seed are made as alike as they can be: they begin with the same kernels, and meet the same batches in the same
# order. What then differs between two of them is due to the layers that were added, and to what training makes of it.
#
# Keras repeats the notebook's three models with two of the seeds as a control. It gets tinycnn's own initial weights
# and the same batches, so only rounding and dropout's masks differ.

# %%
show_source(study.start_from, study.in_keras, study.train, docstring=False)

# %% [markdown]
# ## Five runs make a band
#
# A line is the mean of a model's runs, the band around it goes from the lowest to the highest. Look for places where
# bands overlap: there, a single run of each model could have come out either way round.


# %%
def curves(key, models=NAMES, framework="tinycnn"):
    """The curves of each model, one for each seed."""
    return {
        NAMES[name]: [
            results[who, model, seed]["history"][key]
            for who, model, seed in sorted(results)
            if (who, model) == (framework, name)
        ]
        for name in models
    }


plots.seed_bands(
    {
        "training loss": curves("loss"),
        "validation loss": curves("val_loss"),
        "validation accuracy": curves("val_accuracy"),
    },
    ylabel=["loss", "loss", "accuracy"],
    log_loss=True,
    title="Ten epochs of MNIST: mean and range of the seeds",
)


# %%
def overlapping(key, one="plain", other="batch_normalization"):
    """The epochs in which the ranges of two models overlap."""
    a, b = (np.array(values) for values in curves(key, (one, other)).values())
    return [i + 1 for i in range(a.shape[1]) if max(a[:, i].min(), b[:, i].min()) <= min(a[:, i].max(), b[:, i].max())]


for key, name in (("loss", "training loss"), ("val_loss", "validation loss"), ("val_accuracy", "validation accuracy")):
    epochs = overlapping(key)
    print(f"{name}: the bands of plain and BN overlap in {len(epochs)} of 10 epochs {epochs or ''}")

# %% [markdown]
# ## Five pairs make an interval
#
# Bands are wasteful. They show how much a model's runs differ from each other; but what you want to know is how much
# *adding a layer* changes, and the runs come in pairs. So take the difference within each pair, $d_1, \dots, d_n$,
# and ask about its mean. If the differences scatter like a normal distribution, then
#
# $$\bar d \pm t\,\frac{s}{\sqrt n}, \qquad s^2 = \frac{1}{n-1}\sum_i (d_i - \bar d)^2$$
#
# is an interval that contains the true mean in $95\,\%$ of all studies. The factor $t$ is larger than the familiar
# two, because $s$ itself is estimated from so few numbers. Student worked it out for exactly this purpose.

# %%
d = np.array(claims.paired(results, claims.test_accuracy, "dropout", "plain"))
n = len(d)
t = stats.t.ppf(0.975, n - 1)
by_hand = d.mean() + np.array([-1, 1]) * t * d.std(ddof=1) / np.sqrt(n)
print(f"dropout − plain, test accuracy in percentage points: {np.round(d, 2)}")
print(f"mean {d.mean():+.3f}, t = {t:.2f}, interval {by_hand[0]:+.3f} to {by_hand[1]:+.3f}")
np.testing.assert_allclose(claims.t_interval(d), by_hand)

# %% [markdown]
# Does it keep its promise with only five pairs? And what does it miss? Make up studies in which you know the truth:
# five differences with a scatter of one, and a true mean of nothing, of half that scatter, or of twice the scatter.

# %%
rng = np.random.default_rng(0)
found = {}
for truth in (0.0, 0.5, 1.0, 2.0):
    studies = truth + rng.standard_normal((5, 20_000))
    interval = stats.ttest_1samp(studies, 0).confidence_interval(0.95)
    covered = np.mean((interval.low < truth) & (truth < interval.high))
    found[truth] = np.mean((interval.low > 0) | (interval.high < 0))
    print(
        f"true mean {truth:.1f}: the interval contains it in {100 * covered:.1f} % of the studies, "
        f"and lies on one side of zero in {100 * found[truth]:4.1f} %"
    )
    assert abs(covered - 0.95) < 0.01
assert found[0.5] < 0.25
assert found[2.0] > 0.85

# %% [markdown]
# So it is honest, and short-sighted. Where nothing happens, it raises a false alarm once in twenty times. An effect
# as large as half the scatter of the pairs it mostly overlooks; one of twice the scatter it nearly always sees.
#
# **What an interval of five pairs can show:** in which direction a change works, if its effect is large beside the
# chance of the seeds.
#
# **What it cannot show:** that there is *no* effect (a wide interval around zero only says that you do not know);
# anything about other data, other models, other learning rates; and anything about other test images. All our runs
# are marked on the same test set, and that is a sample, too. How much do two models differ by the choice of the
# images alone? Only those images count that one of the two reads and the other does not:

# %%
images = sum(results["tinycnn", "plain", SEEDS[0]]["calibration"]["count"])
for name in ("dropout", "batch_normalization"):
    one, other = (set(results["tinycnn", model, SEEDS[0]]["misread"]) for model in ("plain", name))
    only_one, only_other = len(one - other), len(other - one)
    error = 100 * np.sqrt(only_one + only_other) / images  # of a difference of two counts that are nearly Poisson
    print(
        f"seed {SEEDS[0]}: of {images:,} test images, {only_one} are misread by the plain model alone, {only_other} by "
        f"{NAMES[name]} alone: {100 * (only_one - only_other) / images:+.2f} points, give or take {error:.2f}."
    )

# %% [markdown]
# Differences in accuracy of a tenth of a percentage point are ten images. Whoever ranks models by that ranks seeds
# and test images.

# %%
MEASURES = {
    "test accuracy, percentage points": claims.test_accuracy,
    "test loss": claims.test_loss,
    "validation loss, epoch 10": claims.epoch("val_loss", 10),
}
PAIRS = {
    "dropout − plain": ("dropout", "plain"),
    "BN − plain": ("batch_normalization", "plain"),
    "both − plain": ("dropout_and_batch_normalization", "plain"),
    "both − BN": ("dropout_and_batch_normalization", "batch_normalization"),
}


def differences(framework):
    return {
        measure: {
            pair: claims.paired(results, f, *models, framework)
            for pair, models in PAIRS.items()
            if all((framework, model, SEEDS[0]) in results for model in models)
        }
        for measure, f in MEASURES.items()
    }


own = differences("tinycnn")
intervals = {measure: {pair: claims.t_interval(d) for pair, d in rows.items()} for measure, rows in own.items()}
plots.paired_differences(own, intervals, differences("keras"), "Keras", title="What the added layers change")

# %%
for measure, rows in intervals.items():
    sure = [pair for pair, (low, high) in rows.items() if low > 0 or high < 0]
    print(f"{measure}: the interval lies on one side of zero for {', '.join(sure) or 'no pair'}")

# %% [markdown]
# ## A rule, before the numbers
#
# "Significantly improves", "stabilizes", "is not a concern": such words fit whatever comes out. To test them, say
# first which numbers would contradict them. For each sentence of the notebook we state a measure, and the range in
# which its mean must lie if the sentence is true: below zero for "lower", within ten test images of zero for "no
# change", and for "improves" more than the smallest effect that is worth being called one. [PLAN.md](PLAN.md) has them
# all, with reasons. Then one rule decides.
#
# It asks twice. How surprising would these numbers be if the sentence were false, and how surprising if it were true?
# Where the first is small, the sentence is *supported*; where the second is, it is *contradicted*; where neither is,
# it is *undecided*. That is not a polite word for "wrong": the numbers fit both.

# %%
show_source(claims.Evidence.p_if_outside.fget, claims.Evidence.p_if_inside.fget, claims.decide)

# %% [markdown]
# Three traps have to be avoided.
#
# - *Many claims.* Whoever tests eleven sentences at one in twenty will often be wrong about one of them. Holm's steps
#   make the first and clearest verdict pass a level eleven times as strict, the next one ten times, and so on.
# - *Many measures.* "Consistently lower" speaks of every epoch. To support it, each of ten epochs has to be lower,
#   and no correction is due: the weakest counts. To contradict it, one epoch is enough, and whoever looks for one
#   among ten finds one too easily: so there the p of each is multiplied by their number (Bonferroni).
# - *One seed.* A verdict that would fall if a single run had not been made is none. So each p is the largest of those
#   of all seeds and of all but one.
#
# These are the claims, in code:

# %%
show_source(claims.claims, docstring=False)

# %% [markdown]
# ## The verdicts

# %%
found = claims.claims(results)
Markdown(claims.table(found))

# %%
verdicts = claims.decide(found)
counts = {verdict: verdicts.count(verdict) for verdict in (claims.SUPPORTED, claims.CONTRADICTED, claims.UNDECIDED)}
print(f"Of {len(found)} claims: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".")
assert counts[claims.UNDECIDED] > len(found) / 2

# %% [markdown]
# Most of them are undecided, and the last column says why: it holds the smallest effects that five seeds would have
# shown in four of five studies. Five runs of each model are not enough to tell an effect of a tenth of a percentage
# point from none. How many would be? The same rule, asked of made-up studies in which the truth is known, answers that
# ([PLAN.md](PLAN.md), `python -m tutorials.plan`): fifty.
#
# Read the table with the notebook's own sentences beside it, and argue with it. Is "generalizes well" fairly put as
# "loses less than one percentage point between training and test images"? By that measure, how do the other models
# do? Is a loss twice as large "tracking closely"? If you choose another range, you may get another verdict; but you
# have to choose it before you look.

# %%
for name in NAMES:
    gaps = list(claims.values(results, claims.generalization_gap, name).values())
    ratios = list(claims.values(results, claims.validation_over_training, name).values())
    print(
        f"{NAMES[name]:15} training less test accuracy {np.mean(gaps):.2f} points; "
        f"validation loss {np.mean(ratios):.1f} times the training loss"
    )

# %% [markdown]
# ## Faster by which clock?
#
# "Speeds up training" has two meanings. Per epoch, or per second? A step with batch normalization does more work. How
# much more was measured by `python -m benchmarks.training_step`.

# %%
ratio = claims.step_ratio()
plain, bn = (np.mean(values, axis=0) for values in curves("val_loss", ["plain", "batch_normalization"]).values())
print(f"A step with BN takes {ratio:.2f} times as long as one of the plain model.\n")
print("epochs of BN   validation loss   epochs of plain in the same time   validation loss")
for epochs in range(1, 11):
    same_time = round(epochs * ratio)
    beside = f"{plain[same_time - 1]:.4f}" if same_time <= len(plain) else "(not trained so long)"
    print(f"{epochs:12}   {bn[epochs - 1]:15.4f}   {same_time:32}   {beside}")
assert ratio > 1.1

# %% [markdown]
# ## Two stories: the loss and the accuracy
#
# Is overfitting a concern for the plain model? Look at its validation figures from epoch 3 to epoch 10, the one
# beside the other.

# %%
plots.seed_bands(
    {
        "validation loss": curves("val_loss", ["plain", "dropout"]),
        "validation accuracy": curves("val_accuracy", ["plain", "dropout"]),
    },
    ylabel=["loss", "accuracy"],
)

# %%
for name in ("plain", "dropout"):
    loss = np.array(list(claims.values(results, claims.late_less_early("val_loss"), name).values()))
    right = 100 * np.array(list(claims.values(results, claims.late_less_early("val_accuracy"), name).values()))
    print(
        f"{NAMES[name]}: from epochs 3-5 to epochs 8-10, the validation loss changes by {loss.mean():+.4f}, "
        f"the validation accuracy by {right.mean():+.2f} points"
    )

# %% [markdown]
# How can the loss rise while the accuracy does not fall? The accuracy asks of each image only: right or wrong? The
# loss asks how much probability the right digit was given, $-\log p$. A network that reads nearly all its training
# images correctly can lower its training loss in one way only: by growing surer. It grows surer of its mistakes, too,
# and a sure mistake is expensive. A digit that is given $p = 0.1$ costs $2.3$; one that is given $p = 0.001$ costs
# three times as much, and is exactly as wrong.


# %%
def sure_mistakes(name):
    """The share of a model's mistakes that it makes with a confidence above 14/15, over all seeds."""
    bins = pooled(name)
    return (bins["count"][-1] - bins["correct"][-1]) / (bins["count"].sum() - bins["correct"].sum())


def pooled(name):
    """The bins of confidence of a model's runs, added up."""
    records = [results["tinycnn", name, seed]["calibration"] for seed in SEEDS]
    return {part: np.sum([record[part] for record in records], axis=0) for part in ("count", "confidence", "correct")}


for name in NAMES:
    print(f"{NAMES[name]:15} makes {100 * sure_mistakes(name):.0f} % of its mistakes with more than 93 % confidence")

# %% [markdown]
# That is overfitting, and you meet it where somebody acts on the probabilities: reads the doubtful digits again, for
# instance. Somebody who acts on the answers alone will not notice it.
#
# ## Do the models know what they know?
#
# A *reliability diagram* (Guo et al. 2017, [arXiv:1706.04599](https://arxiv.org/abs/1706.04599)) sorts the
# predictions by their confidence, and asks how many of each group are right. The distance from the diagonal, averaged
# over all images, is the *expected calibration error* (ECE).

# %%
plots.reliability_diagram({NAMES[name]: pooled(name) for name in NAMES}, title="Test images of all seeds")

# %%
for name in NAMES:
    errors = list(claims.values(results, claims.calibration_error, name).values())
    difference = claims.paired(results, claims.calibration_error, name, "plain")
    beside = ""
    if name != "plain":
        low, high = claims.t_interval(difference)
        beside = f"; less plain's {np.mean(difference):+.2f} points [{low:+.2f}, {high:+.2f}]"
    print(f"{NAMES[name]:15} ECE {np.mean(errors):.2f} %{beside}")

# %% [markdown]
# Nearly all images lie in the rightmost bin, so the average says little about the doubtful ones: look at the lower
# row before you believe the upper one.
#
# ## `fit` and `evaluate`
#
# "The training loss starts higher with dropout" is true, and says nothing against dropout. The training loss that
# `fit` prints is measured while masks are on and while the weights still move. Ask the finished model about the same
# images with `evaluate`:

# %%
for name in NAMES:
    fit = np.mean([results["tinycnn", name, seed]["history"]["loss"][-1] for seed in SEEDS])
    evaluate = np.mean([results["tinycnn", name, seed]["training"]["loss"] for seed in SEEDS])
    test = np.mean(list(claims.values(results, claims.test_loss, name).values()))
    print(f"{NAMES[name]:15} training loss: fit says {fit:.4f}, evaluate {evaluate:.4f}; test loss {test:.4f}")
    assert name in ("plain", "batch_normalization") or fit > 2 * evaluate

# %% [markdown]
# For the models with dropout the two numbers are far apart, and only the second is comparable with the test loss.
# [Tutorial 04](04_dropout.ipynb) goes into that.
#
# ## Is it tinycnn?
#
# Perhaps all of this is a peculiarity of a small framework. Here is Keras: the notebook's three models, on two of
# the seeds, with the same weights to begin with and the same batches:

# %%
plots.seed_bands(
    {
        label: {"tinycnn": own_curves, "Keras": keras_curves}
        for (label, own_curves), keras_curves in zip(
            curves("val_loss", study.NOTEBOOK).items(),
            curves("val_loss", study.NOTEBOOK, "keras").values(),
            strict=True,
        )
    },
    ylabel="validation loss",
    log_loss=True,
)

# %%
for name in study.NOTEBOOK:
    differ = [
        claims.test_accuracy(results["keras", name, seed]) - claims.test_accuracy(results["tinycnn", name, seed])
        for seed in CONTROL
    ]
    spread = np.ptp(list(accuracy[name].values()))
    first = [
        results["keras", name, seed]["history"]["loss"][0] / results["tinycnn", name, seed]["history"]["loss"][0] - 1
        for seed in CONTROL
    ]
    print(
        f"{NAMES[name]:15} test accuracy, Keras less tinycnn: {', '.join(f'{value:+.2f}' for value in differ)} points "
        f"(tinycnn's own seeds spread over {spread:.2f}); training loss of epoch 1: "
        f"{', '.join(f'{100 * value:+.1f} %' for value in first)}"
    )

# %% [markdown]
# The two frameworks start together, to within rounding, and drift apart: training multiplies small differences. What
# is left between them at the end is what you would see between two seeds.
#
# ## What to take with you
#
# - A run is an anecdote. Repeat it with other seeds before you compare; pair the runs, and look at the differences.
# - Say what would prove you wrong before you look, and keep "I cannot tell" apart from "no".
# - Look at the loss *and* at the accuracy. They answer different questions.
#
# ## Exercises
#
# 1. **The lottery of one run.** You train each model once, with whatever seed. In how many of all combinations of a
#    plain run and a BN run does the plain one reach the higher test accuracy, or the same?
# 2. **What pairing buys.** Compute the interval for the difference of the *training loss in epoch 1*, dropout less
#    plain, from the pairs, and again as if the runs had nothing to do with each other (`stats.ttest_ind(...,
#    equal_var=False)`). Do the same for the test accuracy. Where does pairing help?
# 3. **The margin decides.** We called ten test images "no change". From which margin on would "dropout does not
#    significantly change the test accuracy" be supported, if it were the only claim?
# 4. **Hard images or bad luck?** How many test images do all plain runs misread, and how many does at least one of
#    them misread?
# 5. **A study of your own.** Use `study.train` to compare plain and BN on the bundled digits: five seeds, three
#    epochs. Which has the lower test loss? (Before you tell anybody: [tutorial 03](03_batch_normalization.ipynb).)

# %% [markdown]
# ## Solutions

# %%
# 1. The lottery of one run
plain, bn = (np.array(list(accuracy[name].values())) for name in ("plain", "batch_normalization"))
lost = np.mean(plain[:, None] >= bn[None, :])
print(f"In {100 * lost:.0f} % of the {plain.size * bn.size} combinations the plain run is at least as good.")
assert 0 <= lost <= 1

# %%
# 2. What pairing buys
for label, measure in (("training loss, epoch 1", claims.epoch("loss", 1)), ("test accuracy", claims.test_accuracy)):
    with_dropout, without = (list(claims.values(results, measure, name).values()) for name in ("dropout", "plain"))
    paired = stats.ttest_rel(with_dropout, without).confidence_interval(0.95)
    unpaired = stats.ttest_ind(with_dropout, without, equal_var=False).confidence_interval(0.95)
    narrower = (paired.high - paired.low) / (unpaired.high - unpaired.low)
    print(f"{label}: the paired interval has {narrower:.2f} times the width of the other.")
    np.testing.assert_allclose(claims.t_interval(np.subtract(with_dropout, without)), (paired.low, paired.high))
    print(f"    Runs of a pair are correlated: r = {np.corrcoef(with_dropout, without)[0, 1]:+.2f}.")
print("Pairing helps as far as the two runs of a pair go up and down together; where they do not, it costs degrees")
print("of freedom. Five pairs cannot say how far that is: a correlation of five pairs is itself mostly chance.")

# %%
# 3. The margin decides
d = claims.paired(results, claims.test_accuracy, "dropout", "plain")
margins = np.arange(0.01, 2.0, 0.01)
supported = [claims.decide([claims.Claim("", (claims.Evidence("", d, -m, m),))]) == ["supported"] for m in margins]
margin = margins[supported.index(True)]
print(f"From {margin:.2f} percentage points on, which are {100 * margin:.0f} test images.")
assert all(supported[supported.index(True) :])
assert margin > claims.POINTS

# %%
# 4. Hard images or bad luck?
misread = [set(results["tinycnn", "plain", seed]["misread"]) for seed in SEEDS]
by_all, by_any = set.intersection(*misread), set.union(*misread)
print(
    f"A run misreads {np.mean(list(map(len, misread))):.0f} images; {len(by_all)} all do, {len(by_any)} at least one."
)
assert len(by_all) <= min(map(len, misread))
assert len(by_any) >= max(map(len, misread))

# %%
# 5. A study of your own
recipe = {"data": "digits", "images": None, "epochs": 3, "batch_size": 32, "learning_rate": 0.001}
losses = {
    name: [study.train("tinycnn", name, seed, **recipe)["test"]["loss"] for seed in range(1, 6)]
    for name in ("plain", "batch_normalization")
}
d = np.subtract(losses["batch_normalization"], losses["plain"])
low, high = claims.t_interval(d)
print(f"BN less plain, test loss on the digits: {d.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
print("So few steps are not enough for its moving averages: on these digits, the BN model is the worse one.")
assert low > 0
