"""The evidence gate of the tutorials: what it refuses, what it lets through, and the assertions behind a sentence."""

from __future__ import annotations

import jupytext
import numpy as np
import pytest

from tutorials import evidence, gate

# As the tutorials once had it: true or not, nothing asserted it on more than one run.
START = """\
# %%
print(f"It never says less than {min(corrected):.1%}.")
assert np.mean(corrected) > 0.9

# %% [markdown]
# The start it was. What remains is the lag, and the noise of single batches.
"""
SEVERAL = """\
# %% [markdown]
# `python -m tutorials.experiments overfitting` trained both models on fewer and fewer images, with several seeds.

# %%
plots.overfitting_curves(columns, title="Fewer images, bands: all seeds")
"""
ROOF = """\
# %%
plots.bars(rates, "GFLOP/s", levels={"the roof of this machine": roof})
"""
COMMON = """\
# %% [markdown]
# **2.** The pairs share their kernels and batches; after many steps there is little left in common.

# %%
print(f"The interval is {ratio:.2f} times as wide.")
"""


def refused(cells: str) -> list[str]:
    return gate.unfounded(jupytext.reads(cells, fmt="py:percent"))


@pytest.mark.parametrize(
    ("cells", "words"),
    [(START, "it was"), (START, "What remains"), (SEVERAL, "several seeds"), (SEVERAL, "all seeds")]
    + [(ROOF, "roof"), (COMMON, "in common")],
)
def test_it_refuses_what_the_tutorials_once_claimed(cells, words):
    assert any(words in line for line in refused(cells)), refused(cells)


@pytest.mark.parametrize(
    "sentence",
    [
        "Small batches do harm because their statistics are noisy.",
        "Its loss is lower than the plain model's.",
        "The deeper network is twice as slow.",
        "It stays. **It helps.**",
        "It rises; this is due to the moving averages.",
        "- first\n# - dropout beats it",
    ],
)
def test_a_claim_is_tied_or_refused(sentence):
    text = f"# %% [markdown]\n# {sentence}"
    assert len(refused(text)) == 1, refused(text)
    assert refused(f"{text} <!-- derived -->") == []
    assert refused(f"{text} <!-- quoted -->") == []
    assert "no cell of this section shows 'loss'" in "".join(refused(f"{text} <!-- shown: loss -->"))
    cell = '\n\n# %%\nshown("loss", losses, below=1)\n'
    assert refused(f"{text} <!-- shown: loss -->{cell}") == []
    assert "no sentence of its section is tied" in refused(f"{text} <!-- derived -->{cell}")[0]


def test_evidence_counts_in_its_section_only():
    claim, cell = "# %% [markdown]\n# It is faster. <!-- shown: a -->\n", '\n# %%\nshown("a", times, below=1)\n'
    assert refused(claim + cell) == []
    assert len(refused(claim + "\n# %% [markdown]\n# ## Next\n" + cell)) == 2, "out of reach, and tied to nothing"


@pytest.mark.parametrize(
    "text", ["# Better than what?", "# ## Better than `x`", "# $a$ is `better than` b", "# It is red."]
)
def test_questions_headings_code_and_plain_sentences_claim_nothing(text):
    assert refused(f"# %% [markdown]\n{text}") == []


def test_a_tie_does_not_begin_a_line():
    assert refused("# %% [markdown]\n# It is red.\n# <!-- derived -->")[0].startswith("cell 1: a tie begins a line")


def test_derivations_and_exercises_need_no_runs():
    assert refused('# %% [markdown] tags=["derived"]\n# It is zero because the deviations add up to nothing.') == []
    assert refused('# %% [markdown] tags=["exercise"]\n# Make it better than before.') == []


def test_numbers_of_runs_are_counted():
    text = "# %% [markdown]\n# Five seeds agree. <!-- shown: seeds -->\n"
    assert len(refused(text + '\n# %%\nshown("seeds", x, above=0)\n')) == 1
    assert refused(text + '\n# %%\ncounted("seeds", groups, 5)\n') == []
    assert refused('# %%\nprint("over five seeds")')[0].startswith("cell 1: 'five seeds' in a figure")


def test_a_limit_is_held():
    assert refused(ROOF + 'within("roof", rates, roof)\n') == []


# The assertions


@pytest.mark.parametrize(
    ("runs", "bounds", "error", "words"),
    [
        ([0.9, 0.95], {"above": 0.5}, ValueError, "at least 3 runs for 'x', received 2"),
        (0.9, {"above": 0.5}, ValueError, "received a single number"),
        ([0.9, 0.9, np.nan], {"above": 0.5}, ValueError, "finite numbers"),
        ([0.9, 0.9, 0.9], {}, ValueError, "expected a bound for 'x'"),
        ([0.9, 0.95, 0.5], {"above": 0.5}, AssertionError, "x: expected above 0.5 in each run"),
        ([0.1, 0.1, 0.3], {"above": 0.0, "below": 0.3}, AssertionError, "above 0 and below 0.3"),
        ([[1, 2], [1, 2], [1, 9]], {"below": 5}, AssertionError, "1 to 9 in 3 runs"),
    ],
)
def test_shown_looks_at_the_worst_run(runs, bounds, error, words):
    with pytest.raises(error, match=words):
        evidence.shown("x", runs, **bounds)


def test_shown_says_how_near_it_came(capsys):
    evidence.shown("accuracy", [91.0, 95.5, 93.0], above=90, unit=" %")
    assert capsys.readouterr().out == "accuracy: 91 % to 95.5 % in 3 runs; the text needs above 90 % in each.\n"


def test_counted():
    evidence.counted("x", {"a": [1, 2, 3], "b": [4, 5, 6]}, 3)
    with pytest.raises(AssertionError, match=r"expected 3 runs of each, received \{'a': 3, 'b': 1\}"):
        evidence.counted("x", {"a": [1, 2, 3], "b": [4]}, 3)
    for groups, runs in (({"a": [1, 2]}, 2), ({}, 3)):
        with pytest.raises(ValueError, match="expected groups of 3 runs or more"):
            evidence.counted("x", groups, runs)


def test_within():
    evidence.within("roof", [1.0, 2.0], 2.0)
    with pytest.raises(AssertionError, match=r"roof: expected nothing above 2, received 2\.5"):
        evidence.within("roof", [1.0, 2.5], 2.0)
    for values, limit in (([], 1.0), ([np.inf], 1.0), ([1.0], np.nan)):
        with pytest.raises(ValueError, match="expected finite numbers"):
            evidence.within("roof", values, limit)
