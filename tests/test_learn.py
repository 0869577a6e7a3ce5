"""python -m tinycnn.learn: its commands, the learner's process, what is remembered. The units: test_learn_units.py."""

from __future__ import annotations

import io
import json
import re
import threading
import time

import numpy as np
import pytest

from tinycnn.learn import checking, command_line, learner, picture, runner, training
from tinycnn.learn.child import Child, Failed, plain
from tinycnn.learn.course import COURSE, find, only_variant
from tinycnn.learn.rungs import Mine, Wrong, as_array, as_tuple, same

FILE = "unit_02_dense_forward.py"
RIGHT = find("02").solution(None)


@pytest.fixture
def learn(tmp_path, capsys, monkeypatch):
    """learn("check", "02") is the command in a folder of its own: exit code, what it said, what it complained of."""
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments):
        code = command_line.main(["--folder", str(tmp_path), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err.replace("\n", " ").rstrip()

    return run


@pytest.fixture
def begun(learn, tmp_path):
    learn("start", "02")
    return tmp_path


def fails(folder, text, function="dense_forward", limit=10.0, arguments=(1.0,)):
    """What is said of a file with this text, and of which kind it is."""
    (folder / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    with Child(folder, limit=limit) as child, pytest.raises(Failed) as failure:
        child.call(FILE, function, arguments)
    return failure.value.kind, str(failure.value)


# The commands


def test_a_first_hour(learn, tmp_path):
    code, said, _ = learn("start")
    assert code == 0
    assert re.match(r"Python 3\.\d+\.\d+ \(.*\), tinycnn \d", said.replace("\n", " "))
    assert "Write slope in" in said.replace("\n", " ")
    assert (tmp_path / "unit_01_slope.py").read_text(encoding="utf-8") == find("01").task(None)

    code, said, _ = learn("check")
    assert code == 1
    assert "WRONG  it returns an array like x" in said
    assert "unit_01_slope.py, line 21: 01 slope is not written yet" in said
    assert said.rstrip().endswith("More: python -m tinycnn.learn hint")

    code, _, complaint = learn("solution")
    assert code == 2
    assert "expected 01 slope to be solved first" in complaint
    assert "def slope" in learn("solution", "--give-up")[1]

    (tmp_path / "unit_01_slope.py").write_text(find("01").solution(None))
    code, said, _ = learn("check")
    assert code == 0
    assert "01 is solved. Next: python -m tinycnn.learn start" in said
    assert "def slope" in learn("solution", "01")[1]
    lines = learn("list")[1].splitlines()
    assert lines[0].split("  ")[-1].strip() == "solved, looked up"
    assert lines[1].endswith("next")


def test_hints_go_step_by_step_and_are_recorded(learn, begun):
    (begun / FILE).write_text("def dense_forward(x, kernel, bias):\n    return x @ kernel\n")
    first, second, third, again = (learn("hint", "02")[1] for _ in range(4))
    assert "Hint 1 of 3" in first
    assert "[[1, 2]]" in first or "WRONG" in first
    assert ". right, X wrong" in first
    assert (begun / "unit_02_wrong.png").stat().st_size > 1000
    assert "Hint 2 of 3" not in first
    assert "Hint 2 of 3" in second
    assert "Hint 3 of 3" not in second
    assert find("02").hints().splitlines()[0] in third
    assert again == third
    assert learner.load(begun).of(find("02")).hints == 3
    (begun / FILE).write_text(RIGHT)
    assert "02 is solved" in learn("hint", "02")[1]
    assert "3 hints" in learn("list")[1]


def test_start_never_writes_over_a_file(learn, begun):
    (begun / FILE).write_text("mine")
    code, said, _ = learn("start", "02")
    assert code == 0
    assert "stays as it is" in said.replace("\n", " ")
    assert (begun / FILE).read_text() == "mine"


def test_the_bug_hunt_comes_with_its_folder(learn, tmp_path):
    learn("start", "18")
    names = {path.name for path in (tmp_path / "wrong_layers").glob("*.py")}
    assert len(names) == 9
    (tmp_path / "wrong_layers" / "relu.py").write_text("mine")
    (tmp_path / find("18").file).unlink()
    learn("start", "18")
    assert (tmp_path / "wrong_layers" / "relu.py").read_text() == "mine"


def test_milestones_have_nothing_to_start_to_watch_or_to_show(learn, begun):
    assert "Nothing to write: python -m tinycnn.learn check A" in learn("start", "A")[1].replace("\n", " ")
    assert "no file to watch" in learn("watch", "A")[1]
    assert "has no solution of its own" in learn("solution", "A")[1]
    code, said, _ = learn("check", "A")
    assert code == 1
    assert "First: python -m tinycnn.learn check 02" in said.replace("\n", " ")


@pytest.mark.parametrize("command", ["check", "hint", "watch"])
def test_without_a_file_the_command_says_how_to_begin(command, learn, begun):
    code, _, complaint = learn(command, "04")
    assert code == 2
    assert (
        complaint
        == f"learn: expected {begun / find('04').file}, found none. Begin with: python -m tinycnn.learn start 04"
    )


def test_an_unknown_unit_and_a_folder_that_is_none(learn, begun, tmp_path):
    assert learn("check", "relo")[2].startswith("learn: expected the number or name of a unit (01, 02, ")
    command = ["--folder", str(tmp_path / "nowhere"), "check"]
    assert command_line.main(command) == 2
    assert command_line.main(["--folder", str(begun / FILE / "inside"), "start"]) == 2


def test_where_nothing_can_be_written_the_verdict_is_still_shown(learn, begun, monkeypatch):
    (begun / FILE).write_text(RIGHT)

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(begun / "course.json"))

    monkeypatch.setattr(learner.Learner, "save", refuse)
    code, said, _ = learn("check", "02")
    assert code == 0
    assert "02 is solved" in said
    assert "This is not recorded:" in said
    code, _, complaint = learn("solution", "03", "--give-up")  # what cannot be recorded is not shown
    assert code == 2
    assert complaint.startswith(f"learn: {begun / 'course.json'}: Permission denied.")


def test_all_output_fits_80_columns_and_has_no_colours(learn, begun, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    texts = [learn("list")[1], learn("check", "02")[1], learn("hint", "02")[1]]
    (begun / FILE).write_text(RIGHT + "\n\nprint('x' * 500)\n")
    texts.append(learn("check", "02")[1].split("Your code printed")[0])
    for text in texts:
        assert "\x1b" not in text
        assert max(len(line) for line in text.splitlines() if str(begun) not in line) <= 80
    long = next(unit for unit in COURSE if unit.number == "03").rungs[1].__doc__
    assert len(long) > 80
    learn("start", "03")
    (begun / FILE).write_text(RIGHT)
    (begun / find("03").file).write_text(find("03").solution(None))
    lines = learn("check", "03")[1].splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("  ok     x = [[1, 2]]"))
    assert lines[place + 1].startswith(" " * 9)


def test_no_command_and_no_path_is_broken_over_lines():
    path = "/a-folder/" + "x" * 90 + "/unit_02_dense_forward.py"
    for start in range(30, 70):
        command = "python -m tinycnn.learn solution 02 --give-up"
        lines = command_line._fitted(f"{'a' * start} {command} {path}", 80, indent=4).splitlines()
        assert any(command in line for line in lines)
        assert any(path in line for line in lines)
        assert all(len(line) <= 80 or path in line for line in lines)


def test_colours_are_off_by_the_option_too(begun, capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for options, coloured in (([], True), (["--no-colour"], False), (["--no-color"], False)):
        command_line.main(["--folder", str(begun), *options, "list"])
        assert ("\x1b[" in capsys.readouterr().out) == coloured


def test_watch_meets_a_file_that_is_saved_half_way_and_goes_on(begun, monkeypatch):
    """A half-written file, then none, then the right one: three looks, and watch is at the next unit."""
    path = begun / FILE
    path.write_text("def dense_forward(x, kernel, bias):\n    return x @ (ker")
    console = command_line.Console(width=80, record=True, color_system=None, file=open(begun / "log", "w"))  # noqa: SIM115
    session = command_line.Session(begun, console)
    session.learner = learner.load(begun)
    stopped = threading.Event()

    def show(outcome):
        verdicts.append(outcome.solved)
        if len(verdicts) == 1:
            path.unlink()
            threading.Timer(0.3, lambda: path.write_text(RIGHT)).start()
        elif outcome.solved:
            stopped.set()
            raise KeyboardInterrupt

    verdicts: list[bool] = []
    monkeypatch.setattr(session, "_show", show)
    with pytest.raises(KeyboardInterrupt):
        session.watch(find("02"))
    assert verdicts[0] is False
    assert verdicts[-1] is True
    console.file.close()


def test_watch_goes_on_to_the_unit_that_is_next(begun, monkeypatch, capsys):
    (begun / FILE).write_text(RIGHT)
    session = command_line.Session(begun, command_line.Console(width=80, color_system=None))
    session.learner = learner.load(begun)
    units = []

    def show(outcome):
        units.append(outcome.unit.number)
        if len(units) == 2:
            raise KeyboardInterrupt
        threading.Timer(0.5, lambda: (begun / "unit_01_slope.py").write_text("a save")).start()  # it waits for one

    monkeypatch.setattr(session, "_show", show)
    with pytest.raises(KeyboardInterrupt):
        session.watch(find("02"))
    assert units == ["02", "01"]
    assert (begun / "unit_01_slope.py").exists()


def test_the_folder_is_this_one_if_it_is_a_course_and_else_one_inside(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["start"]) == 0
    assert (tmp_path / "tinycnn_course" / "course.json").exists()
    monkeypatch.chdir(tmp_path / "tinycnn_course")
    assert command_line.main(["list"]) == 0
    assert command_line.main([]) == 2
    assert "a course in which you write the network" in capsys.readouterr().out.lower()


def test_ctrl_c_ends_a_command_quietly(learn, begun, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line.Session, "list", interrupt)
    assert learn("list") == (130, "", "")


def test_who_has_solved_all_of_it_is_told(learn, begun):
    state = learner.load(begun)
    for unit in COURSE:
        state.of(unit).solved = True
    state.save()
    assert learn("check")[:2] == (0, "You have solved all of it. See: list\n")
    (begun / FILE).write_text(RIGHT)
    assert "02 is solved. That was the last one." in learn("check", "02")[1]


# What is remembered


def test_a_damaged_state_is_said_and_put_aside_with_its_id(learn, begun):
    state = begun / learner.STATE
    whole = state.read_text()
    own = json.loads(whole)["id"]
    for damage in (whole[: len(whole) // 2], "", "[]", "{}", '{"version": 1, "id": "xyz", "units": {}}', "\x00"):
        state.write_text(damage)
        code, _, complaint = learn("list")
        assert code == 2
        assert "expected the file that the course wrote" in complaint
        assert "start puts it aside" in complaint
    state.write_text(whole[:40])
    code, said, _ = learn("start", "02")
    assert code == 0
    assert "was damaged" in said.replace("\n", " ")
    assert learner.load(begun).id == own
    assert (begun / "course.json.damaged").read_text() == whole[:40]
    state.write_bytes(b"\xff\xfe\x00")
    assert learn("start", "02")[0] == 0
    assert learn("list")[0] == 0


def test_states_of_other_versions(learn, begun):
    state = begun / learner.STATE
    content = json.loads(state.read_text())
    state.write_text(json.dumps(content | {"version": 2, "units": "of another form"}))
    code, _, complaint = learn("list")
    assert code == 2
    assert "expected version 1 or earlier, received 2" in complaint
    assert learn("start", "03")[0] == 2  # and nothing is written over
    assert json.loads(state.read_text())["version"] == 2
    earlier = {"version": 0, "id": content["id"], "units": {"02": {"solved": True, "checks": "many"}, "99": {}}}
    state.write_text(json.dumps(earlier))
    assert learn("list")[1].splitlines()[1].endswith("solved")
    assert learner.load(begun).of(find("02")).checks == 0


def test_each_learner_keeps_a_variant_and_all_are_given(tmp_path):
    unit = find("13")
    some = [learner.Learner(tmp_path, f"{number * 2654435761 % 2**32:08x}") for number in range(60)]
    assert {one.variant(unit) for one in some} == set(unit.variants)
    assert some[0].variant(unit) == learner.Learner(tmp_path, some[0].id).variant(unit)
    assert some[0].variant(find("02")) is None


def test_a_unit_is_found_by_its_number_its_name_and_its_file():
    for name in ("3", "03", "dense_backward", "dense-backward", "03 dense backward", "unit_03_dense_backward.py"):
        assert find(name).number == "03"
    assert find("a").number == "A"
    assert only_variant("a\n# variant one\n1\n# end\n# variant two\n2\n# end\nb\n", "two") == "a\n2\nb\n"


# A learner's file


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("def f(:\n", "file", ", line 1: Python cannot read it: invalid syntax"),
        ("x = 1\ndef f():\nreturn 2\n", "file", r", line 3: Python cannot read it: expected an indented block.*"),
        ("# -*- coding: nonsense -*-\n", "file", r": Python cannot read it: .*nonsense.*"),
        ("s = 'grün'\n".encode("latin-1"), "file", ": expected text in UTF-8, received other bytes. Save it as UTF-8."),
        (b"x = 1\x00\n", "file", r".*: Python cannot read it: .*null bytes.*"),
        ("import nmupy\n", "error", ", line 1: ModuleNotFoundError: No module named 'nmupy'"),
        ("def dense_foward(x): pass\n", "missing", ": expected a function named dense_forward, found dense_foward."),
        ("", "missing", ": expected a function named dense_forward, found nothing."),
        ("dense_forward = 3\n", "missing", ": expected a function named dense_forward, found .*"),
        ("import sys\n\nsys.exit(3)\n", "error", ", line 3: it ends the program. Return a value in place of it."),
        ("import os\ndef dense_forward(x): os._exit(3)\n", "ended", "dense_forward ended its process with code 3. .*"),
        ("def dense_forward(x):\n    input()\n", "error", ", line 2: it asks for input, and nobody answers here. .*"),
        ("def dense_forward(x):\n    raise EOFError\n", "error", ", line 2: EOFError"),
        ("def dense_forward(x):\n    return dense_forward(x)\n", "error", r", line 2: RecursionError: .*"),
        ("def dense_forward(x):\n    return x.shapes\n", "error", r", line 2: AttributeError: .*"),
        ("def dense_forward():\n    return 1\n", "error", r": TypeError: dense_forward\(\) takes 0 positional .*"),
        ("def dense_forward(x):\n    raise OSError('a\\x1b[3m\\n' * 500)\n", "error", r", line 2: OSError: a .*…"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_gets_one_sentence(text, kind, sentence, tmp_path):
    found, said = fails(tmp_path, text)
    assert found == kind
    assert re.fullmatch(sentence, said.removeprefix(FILE))
    assert "\n" not in said


def test_an_endless_loop_ends_in_import_and_in_the_call(tmp_path):
    for text in ("while True: pass\n", "def dense_forward(x):\n    while True: print(x)\n"):
        kind, said = fails(tmp_path, text, limit=1.0)
        assert kind == "too long"
        assert said.startswith("dense_forward was stopped after 1 s. Look for a loop that does not end")


@pytest.mark.parametrize(
    "text",
    [
        b"def dense_forward(x):\r\n    return 2 * x\r\n",
        b"\xef\xbb\xbfdef dense_forward(x):\n    return 2 * x\n",
        "# -*- coding: latin-1 -*-\nname = 'grün'\ndef dense_forward(x):\n    return 2 * x\n".encode("latin-1"),
    ],
    ids=["CRLF", "byte order mark", "latin-1, and says so"],
)
def test_files_as_other_editors_write_them(text, tmp_path):
    (tmp_path / FILE).write_bytes(text)
    with Child(tmp_path) as child:
        assert child.call(FILE, "dense_forward", (4.0,)).value == 8.0


def test_a_flood_of_print_is_cut_and_shown_at_its_end(learn, begun):
    (begun / FILE).write_text(RIGHT + "\n\nfor i in range(200_000):\n    print(i, '\\x1b[31m')\n")
    code, said, _ = learn("check", "02")
    assert code == 0
    shown = said.split("Your code printed:\n")[1].splitlines()
    assert shown[0] == "0 ?[31m"
    assert shown[-1] == "…"
    assert len(shown) == 21


def test_an_import_of_tinycnn_is_remarked(learn, begun):
    (begun / FILE).write_text("from tinycnn.kernels.dense import dense_forward\n")
    assert "Your file imports tinycnn. What it does there you are to write here." in learn("check", "02")[1]


# The learner's process


def test_values_go_there_and_back(tmp_path):
    text = "import numpy as np\ndef dense_forward(*values):\n    return values\n"
    (tmp_path / FILE).write_text(text)
    values = (
        np.arange(6.0).reshape(2, 3).T,
        np.float32(2),
        3,
        True,
        None,
        "text",
        (1, [2.5, np.zeros((0, 2), np.int8)]),
    )
    with Child(tmp_path) as child:
        back = child.call(FILE, "dense_forward", values).value
    np.testing.assert_array_equal(back[0], values[0])
    assert back[1] == np.float32(2)
    assert back[1].dtype == np.float32
    assert back[2:6] == (3, True, None, "text")
    assert back[6][1][1].shape == (0, 2)


def test_functions_are_called_back_and_their_errors_are_the_learners(tmp_path):
    (tmp_path / FILE).write_text("def dense_forward(f):\n    return f(1.0) + f(2.0)\n")
    with Child(tmp_path) as child:
        assert child.call(FILE, "dense_forward", (lambda x: 10 * x,)).value == 30

        def refuse(x):
            raise ValueError("f: expected another x")

        with pytest.raises(Failed, match="line 2: ValueError: f: expected another x"):
            child.call(FILE, "dense_forward", (refuse,))


def test_what_cannot_be_sent_is_named_and_writing_into_arguments_is_seen(tmp_path):
    (tmp_path / FILE).write_text("def dense_forward(x, kernel, bias):\n    bias += 1\n    return {1: 2}\n")
    with Child(tmp_path) as child:
        returned = child.call(FILE, "dense_forward", (np.ones(2), np.ones(2), np.ones(2)))
        assert returned.changed == (2,)
        assert isinstance(returned.value, runner.Other)
        with pytest.raises(Wrong, match=r"y: expected an array of shape \(2,\), received an object of type dict"):
            as_array("y", returned.value, (2,))
        with pytest.raises(Wrong, match="dense_forward writes into the third array"):
            Mine(child, np.random.default_rng(0)).dense_forward(np.ones(2), np.ones(2), np.ones(2))


def test_lines_are_counted(tmp_path):
    (tmp_path / FILE).write_text(
        "def dense_forward(x):\n    y = x\n    for _ in range(3):\n        y = y + 1\n    return y\n"
    )
    with Child(tmp_path) as child:
        returned = child.call(FILE, "dense_forward", (0,), lines=True)
    assert returned.value == 3
    assert returned.lines == 9


def test_a_process_ends_with_its_child_and_what_it_started(tmp_path):
    (tmp_path / FILE).write_text(
        "import subprocess, sys\ndef dense_forward():\n"
        "    return subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid\n"
    )
    with Child(tmp_path) as child:
        pid = child.call(FILE, "dense_forward", ()).value
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().split()[2] == "Z":
                    break
        except OSError:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it is still there")


# What is said of numbers


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "received None. Is a return missing?"),
        ("x", "received a text."),
        ((1, 2), "received a tuple of 2."),
        (np.zeros((3, 2)), "received one of shape (3, 2). Is it transposed?"),
        (np.zeros((2, 3), complex), "expected floating-point numbers, received complex128."),
        (np.full((2, 3), np.nan), "expected finite numbers, received NaN or infinity."),
    ],
)
def test_what_is_no_array_of_that_shape_is_said(value, sentence):
    with pytest.raises(Wrong, match=re.escape(sentence)):
        as_array("y", value, (2, 3))


def test_tuples_and_first_wrong_numbers():
    with pytest.raises(Wrong, match="f: expected a, b: a tuple of 2, received one array"):
        as_tuple("f", np.zeros(2), ("a", "b"))
    with pytest.raises(Wrong, match=r"y\[0, 1\] is 5, due is 2; 1 of 3 numbers are wrong. Look."):
        same("y", np.array([[1.0, 5.0, 3.0]]), [[1.0, 2.0, 3.0]], why="Look.")


def test_a_picture_shows_where(tmp_path):
    due = np.zeros((2, 3, 4, 2))
    due[0] = 1
    given = due.copy()
    given[1, 2, 3, 1] = given[1, 0, 0, 1] = 7
    assert picture.text(given, due) == "[1, :, :, 1] of (2, 3, 4, 2): . right, X wrong\n  X . . .\n  . . . .\n  . . . X"
    wide = picture.text(np.zeros((40, 90)), np.ones((40, 90)))
    assert "(its beginning)" in wide
    assert max(map(len, wide.splitlines())) <= 80
    for shape in ((3,), (2, 3), (2, 5, 4, 3)):
        picture.write(np.zeros(shape), np.ones(shape), tmp_path / "wrong.png")
        assert (tmp_path / "wrong.png").stat().st_size > 1000


def test_the_same_seed_asks_the_same(tmp_path):
    text = "\n\n_old = dense_forward\ndef dense_forward(*given):\n    print(given[0].sum())\n    return _old(*given)\n"
    (tmp_path / FILE).write_text(RIGHT + text)
    first, second, other = (checking.examine(find("02"), tmp_path, None, seed).printed for seed in (1, 1, 2))
    assert first == second
    assert first != other
    assert plain("a\n\tb\x1b", 10) == "a b"


# The milestones, cut short


@pytest.mark.parametrize("number", ["A", "B", "C"])
def test_a_milestone_that_has_learnt_little_says_how_much(number, tmp_path, monkeypatch):
    """One epoch of 64 images, on the solutions."""
    unit, said = find(number), []
    few = tuple((x[:64], y[:64]) for x, y in training.images())
    monkeypatch.setattr(training, "images", lambda: few)
    monkeypatch.setattr(unit.check, "EPOCHS", 1)
    for needed in map(find, unit.needs):
        (tmp_path / needed.file).write_text(needed.solution(None), encoding="utf-8")
    with Child(tmp_path) as child:
        mine = Mine(child, np.random.default_rng(0), say=said.append, pictures=tmp_path)
        with pytest.raises(Wrong, match=r"it reads \d+\.\d % of the test digits, expected \d\d %\."):
            unit.rungs[-1](mine)
        mine.pictures = tmp_path / "no folder"
        training.draw(mine, "C", "a run", {"one": {"loss": [1.0, 0.5], "accuracy": [0.1, 0.9]}})
    assert (tmp_path / f"unit_{number}_curves.png").stat().st_size > 1000
    assert any(re.fullmatch(r" +1  loss \d\.\d{4}  #*\.* +\d+\.\d %", line) for line in said)
    assert "could not be written" in said[-1]


# The runner, in this process


def answers(folder, *calls):
    """What the runner answers to frames of (header, arrays)."""
    source, target = io.BytesIO(), io.BytesIO()
    for header, arrays in calls:
        runner.send(source, header, arrays)
    source.seek(0)
    with pytest.raises(EOFError):
        runner.serve(str(folder), source, target)
    target.seek(0)
    frames = []
    while target.tell() < len(target.getvalue()):
        frames.append(runner.receive(target))
    return frames


def call(*arguments, lines=False, function="dense_forward"):
    arrays = []
    form = runner.pack(arguments, arrays)
    return {"kind": "call", "file": FILE, "function": function, "form": form, "lines": lines}, arrays


def test_the_runner_answers_each_call_with_one_frame(tmp_path):
    text = "import numpy as np\ndef dense_forward(x):\n    x[0] = 5\n    return x, {}\n"
    text += "\n\ndef fails(x):\n    return 1 / 0\n"
    (tmp_path / FILE).write_text(text)
    x = np.zeros(2)
    frames = answers(tmp_path, call(x), call(x, lines=True), call(x, function="fails"), call(x, function="absent"))
    (result, arrays), (counted, _), (error, _), (missing, _) = frames
    assert runner.unpack(result["form"], arrays)[1].name == "dict"
    assert result["changed"] == [0]
    assert result["imported"] == ["numpy"]
    assert counted["lines"] == 2
    assert (error["type"], error["line"]) == ("ZeroDivisionError", 8)
    assert missing == {"kind": "missing", "names": ["dense_forward", "fails", "np"], "arrays": 0}


def test_the_runner_calls_back_and_ends_where_nobody_answers(tmp_path):
    (tmp_path / FILE).write_text("def dense_forward(f):\n    return f(1.0)\n")
    header, _ = call(None)
    header["form"] = {"tuple": [{"callback": 0}]}
    answer = {"kind": "answer", "form": runner.pack(7, [])}
    (asked, _), (result, _) = answers(tmp_path, (header, []), (answer, []))
    assert (asked["kind"], asked["number"]) == ("callback", 0)
    assert runner.unpack(result["form"], []) == 7
    _, (error, _) = answers(tmp_path, (header, []), ({"kind": "raise", "text": "no"}, []))
    assert error["text"] == "no"
    source = io.BytesIO()
    runner.send(source, header, [])
    source.seek(0)
    with pytest.raises(runner.Gone):
        runner.serve(str(tmp_path), source, io.BytesIO())


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (runner.HEAD.pack(10**6), "a header of 1000000 bytes"),
        (runner.HEAD.pack(2) + b"[]", "a header without its fields"),
        (runner.HEAD.pack(13) + b'{"arrays":-1}', "a header without its fields"),
    ],
)
def test_frames_that_are_none(frame, sentence):
    with pytest.raises(ValueError, match=sentence):
        runner.receive(io.BytesIO(frame))


def test_arrays_that_are_too_large_or_hold_objects_are_refused_before_they_are_read():
    for array in (np.zeros(0, object), np.zeros(0, "U3")):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, allow_pickle=True)
        stream.seek(0)
        with pytest.raises(ValueError, match="an array of something else than numbers"):
            runner._read_array(stream, 2**28)
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    stream.seek(0)
    with pytest.raises(ValueError, match="arrays of more than 268435456 bytes"):
        runner._read_array(stream, 2**28)


@pytest.mark.parametrize("unit", [unit for unit in COURSE if unit.needs], ids=str)
def test_what_a_unit_needs_needs_nothing_else(unit):
    """Its check tries the units before, whose own checks may call others."""
    assert {number for needed in unit.needs for number in find(needed).needs} <= set(unit.needs)
