"""The units of the course: stubs fail, solutions pass, other people's right ones too, and wrong ones by their names.

learners/right/NN_style.py   a submission that is right, written otherwise than the solution
learners/wrong/NN_name.py    functions that are wrong, each with the rung that must fail, and the mistake's name
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tinycnn.learn.checking import BEFORE, examine, title_of
from tinycnn.learn.child import Child
from tinycnn.learn.course import COURSE, find
from tinycnn.learn.rungs import Mine, named
from tinycnn.learn.training import draw, images, train
from tinycnn.optimizers import Adam
from tinycnn.utils import set_package_seed

LEARNERS = Path(__file__).parent / "learners"
UNITS = [unit for unit in COURSE if (unit.folder / "check.py").exists() and not unit.is_milestone]
MILESTONES = [unit for unit in COURSE if (unit.folder / "check.py").exists() and unit.is_milestone]
VERSIONS = [(unit, variant) for unit in UNITS for variant in unit.variants or [None]]


def solutions(folder, needs):
    """A learner's folder in which these units are solved."""
    for number in needs:
        unit = find(number)
        (folder / unit.file).write_text(unit.solution(None), encoding="utf-8")
    return folder


def submitted(folder, unit, text, variant=None):
    """What the check says of a text, the units before being solved."""
    (solutions(folder, unit.needs) / unit.file).write_text(text, encoding="utf-8")
    return examine(unit, folder, variant, seed=1)


def in_words(function):
    """A function's name as its stub says it; "is right is not written yet" would be no sentence."""
    return "the check is_right" if function == "is_right" else function.replace("_", " ")


@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_stub_says_that_it_is_not_written_yet(unit, tmp_path):
    for function in unit.functions:
        task = unit.task(unit.variants[0] if unit.variants else None)
        assert f'raise NotYet("{unit.number} {in_words(function)}")' in task
    outcome = submitted(tmp_path, unit, task, unit.variants[0] if unit.variants else None)
    assert outcome.passed == ()
    words = f"{unit.number} {in_words(unit.functions[0])} is not written yet. Replace the line by your own."
    assert re.fullmatch(rf"{unit.file}, line \d+: {re.escape(words)}", str(outcome.wrong))


@pytest.mark.parametrize(("unit", "variant"), VERSIONS, ids=[f"{u.number} {v or ''}" for u, v in VERSIONS])
def test_solution_passes(unit, variant, tmp_path):
    outcome = submitted(tmp_path, unit, unit.solution(variant), variant)
    assert outcome.wrong is None, f"{outcome.failing}: {outcome.wrong}"
    assert len(outcome.passed) == len(unit.rungs)


@pytest.mark.parametrize("path", sorted((LEARNERS / "right").glob("*.py")), ids=lambda path: path.stem)
def test_right_in_other_styles_passes(path, tmp_path):
    outcome = submitted(tmp_path, find(path.stem[:2]), path.read_text(encoding="utf-8"))
    assert outcome.wrong is None, f"{outcome.failing}: {outcome.wrong}"


def wrong_ones():
    """Unit, text, and what its comments say: ``# rung: …`` and perhaps ``# mistake: …`` and ``# variant: …``."""
    for path in sorted((LEARNERS / "wrong").glob("*.py")):
        for number, block in enumerate(re.split(r"^(?=# rung: )", path.read_text(encoding="utf-8"), flags=re.M)[1:]):
            fields = dict(re.findall(r"^# (rung|mistake|variant): (.*)$", block, flags=re.M))
            yield pytest.param(find(path.stem), block, fields, id=f"{path.stem[:2]} {number}: {fields.get('mistake')}")


@pytest.mark.parametrize(("unit", "text", "fields"), [*wrong_ones()])
def test_wrong_fails_at_its_rung_and_by_its_name_or_none(unit, text, fields, tmp_path):
    variant = fields.get("variant")
    kept = "\n".join(f"right_{function} = {function}" for function in unit.functions if function in unit.solution(None))
    text = "\n\n".join(["import numpy as np", unit.solution(variant), kept, text])
    outcome = submitted(tmp_path, unit, text, variant)
    assert outcome.failing.startswith(fields["rung"])
    assert outcome.wrong is not None
    if "mistake" in fields:
        assert fields["mistake"] in outcome.wrong.mistake
    else:
        assert outcome.wrong.mistake == ""


def test_a_unit_says_which_of_those_before_it_is_missing_or_wrong(tmp_path):
    unit = find("03")
    (tmp_path / unit.file).write_text(unit.solution(None), encoding="utf-8")
    outcome = examine(unit, tmp_path, None)
    assert outcome.failing == BEFORE
    assert str(outcome.wrong) == (
        "03 dense_backward calls what you write in 02 dense_forward, and unit_02_dense_forward.py is not there. "
        "First: python -m tinycnn.learn start 02"
    )
    (tmp_path / find("02").file).write_text("def dense_forward(x, kernel, bias):\n    return x @ kernel\n")
    assert str(examine(unit, tmp_path, None).wrong) == (
        "03 dense_backward calls what you write in 02 dense_forward, and that does not pass its own check. "
        "First: python -m tinycnn.learn check 02"
    )


def test_needs_name_units_that_come_before():
    order = [unit.number for unit in COURSE]
    for unit in COURSE:
        assert all(order.index(needed) < order.index(unit.number) for needed in unit.needs)
        assert not any(find(needed).is_milestone for needed in unit.needs)


def test_variants_are_tried_by_the_check():
    """Each variant stands in task and solution, and a check that is not told of it leaves it out."""
    for unit in UNITS:
        for variant in unit.variants:
            for text in (unit.task(variant), unit.solution(variant)):
                assert text.count(f"def {unit.functions[-1]}(") == 1
                assert "# variant" not in text
                assert "# end" not in text
        if unit.variants:
            assert f"def {unit.functions[-1]}(" not in unit.solution(None)


def test_a_solution_of_one_variant_does_not_pass_for_another(tmp_path):
    for unit in UNITS:
        for asked, given in zip(unit.variants, unit.variants[1:], strict=False):
            outcome = submitted(tmp_path, unit, unit.solution(given), asked)
            assert outcome.wrong is not None
            assert len(outcome.passed) == len(unit.rungs) - 1, f"{unit}, {given} for {asked}"


def test_texts_fit_a_terminal():
    for unit in (*UNITS, *MILESTONES):
        texts = [unit.hints(), *(unit.task(variant) for variant in unit.variants or [None])]
        assert not [line for text in texts for line in text.splitlines() if len(line) > 78], unit
        assert unit.hints(), unit
        assert all(title_of(rung) for rung in unit.rungs)


def test_a_mistake_is_named_where_one_fits_and_no_other():
    given = np.array([1.0, 2.0])
    assert named(given, {"this": given + 1e-7, "that": given + 1, "another": np.ones(3)}) == "this"
    assert named(given, {"this": given, "that": given}) == ""
    assert named(given, {"that": given + 1}) == ""


# The milestones


def test_milestone_b_takes_one_step_as_keras_does(tmp_path):
    unit = find("B")
    with Child(solutions(tmp_path, unit.needs)) as child:
        said: list[str] = []
        unit.check.one_step(Mine(child, np.random.default_rng(0), say=said.append))
        assert said == ["         loss 2.321599, Keras's 2.321599; 8 gradients, 8 arrays of weights"]


def test_a_training_says_each_epoch_and_is_drawn(tmp_path):
    said: list[str] = []
    mine = Mine(None, np.random.default_rng(0), say=said.append, pictures=tmp_path)
    run = train(mine, find("A").check.network, (), Adam(), 2)
    assert re.fullmatch(rf" +1  loss {run['loss'][0]:.4f}  #+\.+  {100 * run['val_accuracy'][0]:.1f} %", said[0])
    assert run["loss"][1] < run["loss"][0]
    draw(mine, "A", "two epochs", {"Adam": run})
    path = tmp_path / "unit_A_curves.png"
    assert path.stat().st_size > 10_000
    assert said[1:] == [said[1], f"         The curves: {path}"]


@pytest.mark.slow
@pytest.mark.parametrize("unit", MILESTONES, ids=str)
def test_milestone_is_reached_with_the_solutions(unit, tmp_path):
    said: list[str] = []
    outcome = examine(unit, solutions(tmp_path, unit.needs), None, seed=1, say=said.append, pictures=tmp_path)
    assert outcome.wrong is None, f"{outcome.failing}: {outcome.wrong}"
    assert max(len(line) for line in said if "curves" not in line) <= 80
    assert any("####" in line for line in said)
    assert (tmp_path / f"unit_{unit.number}_curves.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.jit
def test_milestones_ask_for_what_every_start_reaches():
    """Ten seeds; the fast kernels, which compute what right solutions compute."""
    a, b = find("A").check, find("B").check
    (x, y), test = images()
    reached: dict[str, list[float]] = {}
    for seed in range(10):
        trainings = {f"A, {name}": (a.network, new, a.EPOCHS) for name, new in a.OPTIMIZERS.items()}
        for name, (make, new, epochs) in {**trainings, "B": (b.plain, b.Adam, b.EPOCHS)}.items():
            set_package_seed(seed)
            model = make()
            model.compile(new(), "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x, y, epochs=epochs, verbose=0)
            reached.setdefault(name, []).append(model.evaluate(*test, verbose=0)[1])
    expected = {**{f"A, {name}": share for name, share in a.EXPECTED.items()}, "B": b.EXPECTED}
    least = {name: min(shares) for name, shares in reached.items()}
    assert all(least[name] > share + 0.02 for name, share in expected.items()), least


def test_milestone_says_what_it_needs(tmp_path):
    for unit in MILESTONES:
        outcome = examine(unit, tmp_path, None)
        assert outcome.failing == BEFORE
        assert "start 02" in str(outcome.wrong)
