# %% [markdown]
# # Were the notebook's inferences right?
#
# *To run it:* open it in Jupyter, or rebuild it with `python -m tutorials.build 05`. It needs no network: it reads
# the results of a study, small files in this repository, and the exercises train on the digits that are bundled with
# tinycnn. It takes about 30 seconds; reading it about 30 minutes.
#
# The runs themselves were made beforehand. First came a *pilot* of a few seeds. It was looked at, and then
# [PLAN.md](PLAN.md) was written: what each claim means as a number, the rule, the seeds. The *study* follows that plan.
# The first cell says which of the two is read here; everything below is computed from it, and reads the same for both.
# A study can be interrupted, goes on, and can be spread over machines:
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
from tinycnn.tutorials.evidence import counted, shown
from tinycnn.tutorials.exercises import check
from tinycnn.tutorials.helpers import compare, show_source

from tinycnn import plots

results = study.load(study.PILOT)  # study.load() reads the study
NAMES = {
    "plain": "plain",
    "dropout": "dropout",
    "batch_normalization": "BN",
    "dropout_and_batch_normalization": "dropout and BN",
}
SEEDS = sorted({seed for who, _, seed in results if who == "tinycnn"})
CONTROL = sorted({seed for who, _, seed in results if who == "keras"})
IN_KERAS = [name for name in NAMES if ("keras", name, CONTROL[0]) in results]
settings = next(iter(results.values()))["settings"]
print(f"{len(results)} runs: {len(NAMES)} models in tinycnn with the {len(SEEDS)} seeds {SEEDS[0]} to {SEEDS[-1]},")
print(f"{len(IN_KERAS)} in Keras with the {len(CONTROL)} seeds {CONTROL[0]} to {CONTROL[-1]};")
print(f"{settings['epochs']} epochs of {settings['data'].upper()} in batches of {settings['batch_size']}.")
assert len(results) == len(NAMES) * len(SEEDS) + len(IN_KERAS) * len(CONTROL)
assert settings["images"] is None
RUNS = {name: [seed for who, model, seed in results if (who, model) == ("tinycnn", name)] for name in NAMES}
counted("seeds", RUNS, len(SEEDS))

# %% [markdown]
# ## Who wins?
#
# A Keras notebook trains three small networks on MNIST: a plain one, one with dropout, one with batch normalization
# (BN). It trains each once, compares the three, and draws conclusions: the model needs batch normalization; it does
# not need dropout; and so on. Its program is sound. You may have written one like it.
#
# Here is the same comparison again, with seed after seed. Nothing differs between the rows but the seed: other random
# weights to begin with, the same images in another order. Which model is the best one?
#
# **Predict.** Three models can come in six orders. How many of them will turn up? Your answer is a whole number from 1
# (it is always the same one) to 6.

# %% tags=["predict"]
orders_seen = ...  # a whole number from 1 to 6


# %%
three = ["plain", "dropout", "batch_normalization"]
accuracy = {name: claims.values(results, claims.test_accuracy, name) for name in NAMES}
notebook = {"plain": 99.18, "dropout": 99.17, "batch_normalization": 99.10}  # as it printed them, in per cent
LINES = 10  # of the table; all are counted
print(f"test accuracy  {''.join(f'{NAMES[name]:>10}' for name in three)}    the best")
winners = []
for seed in SEEDS:
    row = [accuracy[name][seed] for name in three]
    winners.append(NAMES[three[int(np.argmax(row))]])
    if len(winners) <= LINES:
        print(f"seed {seed:<10}{''.join(f'{value:8.2f} %' for value in row)}    {winners[-1]}")
row = [notebook[name] for name in three]
print(f"the notebook   {''.join(f'{value:8.2f} %' for value in row)}    {NAMES[three[int(np.argmax(row))]]}")
assert np.argmin(row) == three.index("batch_normalization")

orders = {tuple(np.argsort([accuracy[name][seed] for name in three])) for seed in SEEDS}
print(f"\n{len(SEEDS)} repetitions, {len(orders)} different orders of the three. The best was:")
for name in three:
    print(f"{NAMES[name]:8} {winners.count(NAMES[name])} times")
compare(orders_seen, len(orders), " orders")

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
# The recipe is the notebook's, with a fourth model that has both additions, and one more precaution. The runs of one
# seed begin with the same kernels, and meet the same batches in the same order. What then differs between two of them
# comes from the layers that were added, and from what training makes of it. <!-- derived -->
#
# Keras repeats the models of the notebook with some of the seeds, as a control. It gets tinycnn's own initial weights
# and the same batches, so only rounding and dropout's masks differ.

# %%
show_source(study.start_from, study.in_keras, study.train, docstring=False)

# %% [markdown]
# ## Runs make a band
#
# A line is the mean of a model's runs, the band around it goes from the lowest to the highest. Look for places where
# bands overlap: there, a single run of each model could have come out either way round.


# %%
def curves(key, models=NAMES, framework="tinycnn"):
    """The curves of each model, one for each of its runs."""
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
    title=f"Ten epochs of MNIST: mean and range of {len(SEEDS)} seeds",
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
# ## Pairs make an interval
#
# Bands are wasteful. They show how much a model's runs differ from each other; but what you want to know is how much
# *adding a layer* changes, and the runs come in pairs. So take the difference within each pair, $d_1, \dots, d_n$,
# and ask about its mean. If the differences scatter like a normal distribution, then
#
# $$\bar d \pm t\,\frac{s}{\sqrt n}, \qquad s^2 = \frac{1}{n-1}\sum_i (d_i - \bar d)^2$$
#
# is an interval that contains the true mean in $95\,\%$ of all studies. Where there are few pairs, $s$ itself is
# a rough estimate, and the factor $t$ is larger than the familiar two to make up for it. <!-- derived -->
# Student worked it out for exactly this purpose.

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
# differences with a scatter of one, and a true mean of nothing, of half that scatter, of the scatter itself, and of two
# scatters. Do it with five pairs, and with fifty.
#
# **Predict.** Let adding a layer change the accuracy by exactly the scatter of its differences, and run five pairs. In
# how many per cent of such studies does the interval lie on one side of zero? A number from 0 to 100.

# %% tags=["predict"]
noticed = ...  # in per cent, from 0 to 100

# %%
TRUTHS = (0.0, 0.5, 1.0, 2.0)


def simulated(pairs, seed, studies=10_000):
    """For each truth, in how many per cent of the studies the interval contains it, and leaves out zero."""
    numbers = np.random.default_rng(seed)
    result = []
    for truth in TRUTHS:
        interval = stats.ttest_1samp(truth + numbers.standard_normal((pairs, studies)), 0).confidence_interval(0.95)
        contains = np.mean((interval.low < truth) & (truth < interval.high))
        result.append([100 * contains, 100 * np.mean((interval.low > 0) | (interval.high < 0))])
    return np.array(result)


made_up = {pairs: np.array([simulated(pairs, seed) for seed in range(3)]) for pairs in (5, 50)}
for pairs, series in made_up.items():
    for truth, (contains, beside_zero) in zip(TRUTHS, series.mean(axis=0), strict=True):
        print(
            f"{pairs:2} pairs, true mean {truth:.1f}: the interval contains it in {contains:.1f} % of the studies, "
            f"and lies on one side of zero in {beside_zero:5.1f} %"
        )
few, many = made_up[5][..., 1], made_up[50][..., 1]
covered = np.stack([series[..., 0] for series in made_up.values()], axis=1)
shown("the truth is in the interval", covered, above=94, below=96, unit=" %")
shown("five pairs see half the scatter", few[:, 1], below=25, unit=" %")
shown("five pairs see twice the scatter", few[:, 3], above=85, unit=" %")
shown("fifty pairs see half the scatter", many[:, 1], above=85, unit=" %")
compare(noticed, float(few[:, 2].mean()), " %")

# %% [markdown]
# So it is honest: where nothing happens, it raises a false alarm once in twenty times. <!-- shown: the truth is in the
# interval -->
# And with few pairs it is short-sighted. An effect of half the scatter five pairs mostly overlook, one of twice the
# scatter they nearly always see. <!-- shown: five pairs see half the scatter, five pairs see twice the scatter -->
# Fifty pairs see half the scatter, too. <!-- shown: fifty pairs see half the scatter -->
#
# **What an interval can show:** in which direction a change works, if its effect is large beside the scatter of the
# pairs over the root of their number.
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
# Differences in accuracy of a tenth of a percentage point are ten images. Whoever ranks one run above another by that
# ranks seeds and test images.

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
plots.paired_differences(
    own,
    intervals,
    differences("keras"),
    "Keras",
    title=f"What the added layers change: {len(SEEDS)} pairs, 95 % intervals",
)

# %%
for measure, rows in intervals.items():
    sure = [pair for pair, (low, high) in rows.items() if low > 0 or high < 0]
    print(f"{measure}: the interval lies on one side of zero for {', '.join(sure) or 'no pair'}")

# %% [markdown]
# ## A rule, before the numbers
#
# "Significantly improves", "stabilizes", "is not a concern": such words fit whatever comes out. To test them, say first
# which numbers would contradict them. For each sentence of the notebook [PLAN.md](PLAN.md) states a measure, with its
# reasons, and the range in which its mean must lie if the sentence is true: below zero for "lower", within ten test
# images of zero for "no change", and for "improves" above the smallest effect that is worth being called one. <!--
# quoted --> Then one rule decides.
#
# It asks two questions. How surprising would these numbers be if the sentence were false, and how surprising if it were
# true? Where the first is small, the sentence is *supported*; where the second is, it is *contradicted*; where neither
# is, it is *undecided*. That is not a polite word for "wrong": the numbers fit both.

# %%
show_source(claims.Evidence.p_if_outside.fget, claims.Evidence.p_if_inside.fget, claims.decide)

# %% [markdown] tags=["derived"]
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
verdicts = claims.decide(found)
counts = {verdict: verdicts.count(verdict) for verdict in (claims.SUPPORTED, claims.CONTRADICTED, claims.UNDECIDED)}
print(f"Of {len(found)} claims: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".")
counted("seeds", RUNS, len(SEEDS))
Markdown(claims.table(found))

# %% [markdown]
# The table rests on all seeds, each with a run of every model. <!-- shown: seeds --> The verdict says whether the rule
# could decide; the mean and its interval say what was seen. The last column is for the undecided ones: so far from the
# bound of its range a mean would have to lie for four of five such studies to see it. An effect that you care about and
# that lies below that figure was out of sight from the beginning.
#
# So before a study, ask how large it has to be. The same rule, asked of made-up studies in which the truth is known,
# answers that (`python -m tutorials.plan`): [PLAN.md](PLAN.md) shows that the pilot's five seeds see next to nothing of
# a tenth of a percentage point, that twenty seeds are not enough, and that fifty seeds are. <!-- quoted -->
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
#
# **Predict.** From epochs 3 to 5 to epochs 8 to 10, what does the plain model's *validation accuracy* do, on average
# over the seeds? Your answer is one of "rises", "falls" and "cannot tell"; the last one if the interval contains zero.

# %% tags=["predict"]
late_accuracy = ...  # "rises", "falls" or "cannot tell"

# %%
plots.seed_bands(
    {
        "validation loss": curves("val_loss", ["plain", "dropout"]),
        "validation accuracy": curves("val_accuracy", ["plain", "dropout"]),
    },
    ylabel=["loss", "accuracy"],
    title="Validation figures of the plain model and of the one with dropout",
)


# %%
def direction(low, high):
    return "rises" if low > 0 else "falls" if high < 0 else "cannot tell"


for name in ("plain", "dropout"):
    for key, scale, unit in (("val_loss", 1, ""), ("val_accuracy", 100, " points")):
        change = scale * np.array(list(claims.values(results, claims.late_less_early(key), name).values()))
        low, high = claims.t_interval(change)
        print(f"{NAMES[name]:8} {key:13} {change.mean():+.4f}{unit} [{low:+.4f}, {high:+.4f}]: {direction(low, high)}")
        if (name, key) == ("plain", "val_accuracy"):
            plains = direction(low, high)
compare(late_accuracy, plains)

# %% [markdown]
# Read the loss alone and you may stop the training early; read the accuracy alone and you may go on. How can a loss
# rise while the accuracy does not fall? The accuracy asks of each image only: right or wrong? The loss asks how much
# probability the right digit was given, $-\log p$. A network that reads all its training images correctly can lower its
# training loss in one way only: by growing surer. <!-- derived --> It grows surer of its mistakes, too, and a sure
# mistake is expensive. A digit that is given $p = 0.1$ adds $2.3$ to the sum; one that is given $p = 0.001$ adds three
# times as much, and is exactly as wrong. <!-- derived -->


# %%
def sure_mistakes(name):
    """Of each run, the share of its mistakes that it makes with a confidence above 14/15, in per cent."""
    bins = [results["tinycnn", name, seed]["calibration"] for seed in SEEDS]
    return [100 * (b["count"][-1] - b["correct"][-1]) / (sum(b["count"]) - sum(b["correct"])) for b in bins]


for name in NAMES:
    shares = sure_mistakes(name)
    low, high = min(shares), max(shares)
    print(
        f"{NAMES[name]:15} makes {np.mean(shares):.0f} % of its mistakes with a confidence above 14/15 "
        f"(its runs: {low:.0f} to {high:.0f} %)"
    )
shown("sure mistakes of the plain model", sure_mistakes("plain"), above=20, unit=" %")

# %% [markdown]
# In every run the plain model is that sure of more than a fifth of its mistakes. <!-- shown: sure mistakes of the plain
# model --> You meet that where somebody acts on the probabilities: reads the doubtful digits again, for instance.
# Somebody who acts on the answers alone will not notice it.
#
# ## Do the models know what they know?
#
# A *reliability diagram* (Guo et al. 2017, [arXiv:1706.04599](https://arxiv.org/abs/1706.04599)) sorts the
# predictions by their confidence, and asks how many of each group are right. The distance from the diagonal, averaged
# over all images, is the *expected calibration error* (ECE).


# %%
def pooled(name):
    """The bins of confidence of a model's runs, added up."""
    records = [results["tinycnn", name, seed]["calibration"] for seed in SEEDS]
    return {part: np.sum([record[part] for record in records], axis=0) for part in ("count", "confidence", "correct")}


def drawn(name, least=20):
    """Those of them that hold enough images: a single image would draw a bar over half of the panel."""
    bins = pooled(name)
    return {part: np.where(bins["count"] >= least, numbers, 0) for part, numbers in bins.items()}


plots.reliability_diagram(
    {NAMES[name]: drawn(name) for name in NAMES},
    title=f"Test images, {len(SEEDS)} runs of each model in one; bins of 20 images or more",
)

# %%
for name in NAMES:
    errors = list(claims.values(results, claims.calibration_error, name).values())
    together = 100 * study.expected_calibration_error(drawn(name))
    difference = claims.paired(results, claims.calibration_error, name, "plain")
    beside = ""
    if name != "plain":
        low, high = claims.t_interval(difference)
        beside = f"; less plain's {np.mean(difference):+.2f} points [{low:+.2f}, {high:+.2f}]"
    print(f"{NAMES[name]:15} ECE in one {together:.2f} %, of a run {np.mean(errors):.2f} % on average{beside}")
    assert 100 * study.expected_calibration_error(pooled(name)) <= np.mean(errors) + 1e-9

last_bin = [
    [(record := results["tinycnn", name, seed]["calibration"])["count"][-1] / sum(record["count"]) for name in NAMES]
    for seed in SEEDS
]
shown("images in the last bin", 100 * np.array(last_bin), above=90, unit=" %")

# %% [markdown]
# The titles have the error of all runs in one, whose gaps may cancel; the mean over single runs is as large or
# larger. <!-- derived --> More than nine tenths of the images lie in the last bin, in every run, and decide the
# average. <!-- shown: images in the last bin --> So it says little about the doubtful ones: look at the bottom row
# before you believe the top one.
#
# ## `fit` and `evaluate`
#
# "The training loss starts higher with dropout", the notebook says. <!-- quoted -->
# Let that be true: what would it say about dropout? The training loss that `fit` prints is measured while masks are on
# and while the weights still move. Ask the finished model about the same images with `evaluate`:

# %%
for name in NAMES:
    fit = np.mean([results["tinycnn", name, seed]["history"]["loss"][-1] for seed in SEEDS])
    evaluate = np.mean([results["tinycnn", name, seed]["training"]["loss"] for seed in SEEDS])
    test = np.mean(list(claims.values(results, claims.test_loss, name).values()))
    print(f"{NAMES[name]:15} training loss: fit says {fit:.4f}, evaluate {evaluate:.4f}; test loss {test:.4f}")
WITH_DROPOUT = ("dropout", "dropout_and_batch_normalization")
said = [
    [(run := results["tinycnn", name, seed])["history"]["loss"][-1] / run["training"]["loss"] for name in WITH_DROPOUT]
    for seed in SEEDS
]
shown("fit's loss over evaluate's", said, above=2)

# %% [markdown]
# With dropout, `fit` says more than twice what `evaluate` says, in every run, and only the second is comparable with
# the test loss. <!-- shown: fit's loss over evaluate's --> [Tutorial 04](04_dropout.ipynb) goes into that.
#
# ## Is it tinycnn?
#
# Perhaps all of this is a peculiarity of a small framework. Here is Keras, with the same weights to begin with and the
# same batches. The runs are paired again: take Keras's validation loss less tinycnn's, seed by seed. And for a measure
# of what "large" means, take tinycnn's less tinycnn's, for as many pairs of *different* seeds.


# %%
def less(one, other, key="val_loss"):
    """A figure of a run less that of another, epoch by epoch."""
    return np.subtract(results[one]["history"][key], results[other]["history"][key])


def next_seed(seed):
    return SEEDS[(SEEDS.index(seed) + 1) % len(SEEDS)]


plots.seed_bands(
    {
        NAMES[name]: {
            "Keras less tinycnn, same seed": [less(("keras", name, s), ("tinycnn", name, s)) for s in CONTROL],
            "tinycnn, next seed less this one": [
                less(("tinycnn", name, next_seed(s)), ("tinycnn", name, s)) for s in CONTROL
            ],
        }
        for name in IN_KERAS
    },
    ylabel="difference of validation losses",
    title=f"Another framework beside another seed: mean and range of {len(CONTROL)} pairs",
)

# %%
for name in IN_KERAS:
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
# How to read it: if tinycnn did not compute what Keras does, the first band would lie to one side of zero, and the
# second one around it. That single steps agree to within rounding is the affair of tests
# ([test_keras_trajectory.py](../tests/test_keras_trajectory.py)). Training multiplies such differences; so after some
# epochs the two of a pair have gone their own ways.
#
# ## What to take with you
#
# - A run is an anecdote. Before you compare, repeat it with more than one seed; pair the runs, and look at the
#   differences. <!-- derived -->
# - Say what would prove you wrong before you look, and keep "I cannot tell" apart from "no".
# - Look at the loss *and* at the accuracy. They answer different questions.

# %% [markdown]
# ## Exercises
#
# An answer cell has `...` where your answer belongs; run it, and `check` says what it thinks.

# %% [markdown] tags=["exercise"]
# ### 1. The lottery of one run
#
# You train each model once, with whatever seed. In how many of all combinations of a plain run and a BN run (any two
# seeds) does the plain one reach the higher test accuracy, or the same?
#
# Your answer: a number, in per cent of the combinations, to one decimal.

# %% tags=["answer"]
plain_wins = ...  # a number from 0 to 100
check("05.1", plain_wins, results)

# %% [markdown] tags=["exercise"]
# ### 2. What pairing buys
#
# Compute the interval for the difference of the *training loss in epoch 1*, dropout less plain, from the pairs, and
# again as if the runs had nothing to do with each other (`stats.ttest_ind(..., equal_var=False)`). Do the same for the
# *test accuracy*. How wide is the first, over the second? Then look for the reason: what does Fisher's interval say
# about the correlation of the two test accuracies within a seed, $\operatorname{artanh} r \pm 1.96/\sqrt{n - 3}$?
#
# Your answer: two numbers, the quotients of the widths, and one of the words "above zero", "below zero", "cannot tell".

# %% tags=["answer"]
quotient_loss = ...  # a number
quotient_accuracy = ...  # a number
correlation = ...  # "above zero", "below zero" or "cannot tell"
check("05.2", quotient_loss, quotient_accuracy, correlation, results)

# %% [markdown] tags=["exercise"]
# ### 3. The margin decides
#
# We called ten test images "no change". From which margin on would "dropout does not significantly change the test
# accuracy" be supported, if it were the only claim? (`claims.decide([claims.Claim("", (evidence,))])`)
#
# Your answer: a number in percentage points, to two decimals.

# %% tags=["answer"]
margin = ...  # a number, such as 1.23
check("05.3", margin, results)

# %% [markdown] tags=["exercise"]
# ### 4. Hard images or bad luck?
#
# How many test images do all plain runs misread, and how many does at least one of them misread?
#
# Your answer: two whole numbers.

# %% tags=["answer"]
misread_by_all = ...  # a whole number
misread_by_any = ...  # a whole number
check("05.4", misread_by_all, misread_by_any, results)

# %% [markdown] tags=["exercise"]
# ### 5. A study of your own
#
# Use `study.train` to compare plain and BN on the bundled digits: the seeds 1 to 5, three epochs, batches of 32, a
# learning rate of `0.001`. Which has the lower test loss? (Before you tell anybody:
# [tutorial 03](03_batch_normalization.ipynb).)
#
# Your answer: an array of five numbers, BN's test loss less the plain model's, and one of the words "plain", "BN" and
# "cannot tell": the model with the lower loss, by the interval.

# %% tags=["answer"]
less_plain = ...  # an array of five numbers
lower = ...  # "plain", "BN" or "cannot tell"
check("05.5", less_plain, lower)

# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# **1.** Each plain run meets each BN run.

# %% tags=["solution"]
plain, bn = (np.array(list(accuracy[name].values())) for name in ("plain", "batch_normalization"))
lost = 100 * np.mean(plain[:, None] >= bn[None, :])
print(f"In {lost:.0f} % of the {plain.size * bn.size} combinations the plain run is at least as good.")
assert check("05.1", lost, results)

# %% [markdown] tags=["solution"]
# **2.** The variance of a difference is $s_1^2 + s_2^2 - 2\,r\,s_1 s_2$. So pairing narrows the interval as far as
# the two of a pair go up and down together; where they do not, it gives away degrees of freedom. <!-- derived -->
# How far they do, few pairs cannot tell: look at the interval for $r$ before you explain a quotient by it.

# %% tags=["solution"]
quotients = []
for label, measure in (("training loss, epoch 1", claims.epoch("loss", 1)), ("test accuracy", claims.test_accuracy)):
    with_dropout, without = (list(claims.values(results, measure, name).values()) for name in ("dropout", "plain"))
    paired = stats.ttest_rel(with_dropout, without).confidence_interval(0.95)
    unpaired = stats.ttest_ind(with_dropout, without, equal_var=False).confidence_interval(0.95)
    quotients.append((paired.high - paired.low) / (unpaired.high - unpaired.low))
    np.testing.assert_allclose(claims.t_interval(np.subtract(with_dropout, without)), (paired.low, paired.high))
    r = np.corrcoef(with_dropout, without)[0, 1]
    low, high = np.tanh(np.arctanh(r) + np.array([-1, 1]) * 1.96 / np.sqrt(len(without) - 3))
    print(f"{label}: the paired interval has {quotients[-1]:.2f} times the width of the other;")
    print(f"    the correlation within a seed is {r:+.2f} [{low:+.2f}, {high:+.2f}].")
word = "above zero" if low > 0 else "below zero" if high < 0 else "cannot tell"
assert check("05.2", *quotients, word, results)

# %% [markdown] tags=["solution"]
# **3.** Try all margins. Once the range is wide enough, a wider one is, too. <!-- derived -->

# %% tags=["solution"]
d = claims.paired(results, claims.test_accuracy, "dropout", "plain")
margins = np.arange(0.01, 2.0, 0.01)
supported = [claims.decide([claims.Claim("", (claims.Evidence("", d, -m, m),))]) == ["supported"] for m in margins]
first = supported.index(True)
print(f"From {margins[first]:.2f} percentage points on, which are {100 * margins[first]:.0f} test images.")
assert all(supported[first:])
assert check("05.3", margins[first], results)

# %% [markdown] tags=["solution"]
# **4.** What all of them misread is hard, or wrongly labelled; what only some misread is the luck of a run.

# %% tags=["solution"]
misread = [set(results["tinycnn", "plain", seed]["misread"]) for seed in SEEDS]
by_all, by_any = set.intersection(*misread), set.union(*misread)
print(
    f"A run misreads {np.mean(list(map(len, misread))):.0f} images; {len(by_all)} all do, {len(by_any)} at least one."
)
assert check("05.4", len(by_all), len(by_any), results)

# %% [markdown] tags=["solution"]
# **5.** On these digits the BN model is the worse one, with all five seeds. <!-- shown: BN less plain on the digits,
# seeds of the digits --> Tutorial 03 shows what that has to do with its moving averages, and what to do about it.

# %% tags=["solution"]
recipe = {"data": "digits", "images": None, "epochs": 3, "batch_size": 32, "learning_rate": 0.001}
losses = {
    name: [study.train("tinycnn", name, seed, **recipe)["test"]["loss"] for seed in range(1, 6)]
    for name in ("plain", "batch_normalization")
}
d = np.subtract(losses["batch_normalization"], losses["plain"])
low, high = claims.t_interval(d)
print(f"BN less plain, test loss on the digits: {d.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
counted("seeds of the digits", losses, 5)
shown("BN less plain on the digits", d, above=0)
assert check("05.5", d, "plain" if low > 0 else "BN" if high < 0 else "cannot tell")
