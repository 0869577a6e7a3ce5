"""Grading: what is handed in, what is reported, and that none of the submissions in tests/hostile passes or harms."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from make_class import make_class
from rich.console import Console

from tinycnn.learn import child, grading, runner, sandbox, submissions
from tinycnn.learn.checking import Outcome
from tinycnn.learn.child import Child, Failed
from tinycnn.learn.command_line import main
from tinycnn.learn.course import COURSE, find
from tinycnn.learn.report import Grade, Report, Result
from tinycnn.learn.rungs import Wrong

HOSTILE = Path(__file__).parent / "hostile"
ATTACKS = sorted(path.name for path in HOSTILE.iterdir() if path.is_dir() and not path.name.startswith("__"))
QUICK = (  # one of each kind, none of which has to be waited for
    "exits_with_0", "fork_bomb", "forged_large_array_header", "forged_pickle", "knows_the_order", "network",
    "patched_numpy", "prints_pass", "reads_outside", "writes_a_result",
)  # fmt: skip
RIGHT = {unit: find(unit).solution(None) for unit in ("01", "02", "03")}


@pytest.fixture(scope="session")
def bubblewrap():
    """Skips where there is none, or where it may do nothing at all; that its walls hold is our affair."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("bubblewrap is not installed")
    bare = subprocess.run([bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, text=True)
    if bare.returncode:
        pytest.skip(f"bubblewrap may not make namespaces here: {bare.stderr.strip()}")
    sandbox.check()


@pytest.fixture(autouse=True)
def _temporary(tmp_path, monkeypatch):
    """The grader's own folders lie in the test's, so that whatever is left of them is seen."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert not [*(tmp_path / "temporary").iterdir()]


def hand_in(folder: Path, units: tuple[str, ...] = ("02",), id: str | None = None) -> Path:
    """A right submission of some units."""
    folder.mkdir(parents=True)
    for unit in units:
        (folder / find(unit).file).write_text(RIGHT[unit])
    if id is not None:
        (folder / "course.json").write_text(json.dumps({"version": 1, "id": id, "units": {}}))
    return folder


def graded(folder: Path, out: Path, units: tuple[str, ...] = ("01", "02")) -> dict[str, dict[str, str]]:
    """The rows of grades.csv by submission."""
    assert grading.grade(folder, out, units, Console(file=io.StringIO())) == 0
    with open(out / "grades.csv", newline="") as stream:
        return {row["submission"]: row for row in csv.DictReader(stream)}


# Attacks


def attack(names, tmp_path):
    """Grade the attacks between two right submissions, and look at all that they could have harmed."""
    folder, out = tmp_path / "class", tmp_path / "grades"
    hand_in(folder / "a_right", ("01", "02"))
    hand_in(folder / "z_right", ("01", "02"))
    for name in names:
        shutil.copytree(HOSTILE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        (folder / "z_right" / "port.py").write_text("PORT = 0\n")
        if "network" in names:
            (folder / "network" / "port.py").write_text(f"PORT = {server.getsockname()[1]}\n")
        guarded = [folder, HOSTILE, Path(child.__file__).parent, Path(np.__file__).parent]
        before = [_state(one) for one in guarded]
        rows = graded(folder, out, ("01", "02", "18"))
        assert [_state(one) for one in guarded] == before
        with pytest.raises(BlockingIOError):
            server.accept()
    _nothing_runs(tmp_path)
    assert rows.pop("a_right")["points"] == rows.pop("z_right")["points"] == "2"
    assert {name: row["points"] for name, row in rows.items()} == dict.fromkeys(names, "0")
    return (out / "grades.html").read_text()


def _state(folder: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_mode)
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def _nothing_runs(folder: Path) -> None:
    """Wait for the kernel to have ended what was killed."""
    end = time.monotonic() + 300
    while left := [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in _read(path)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_attacks(bubblewrap, tmp_path):
    page = attack(QUICK, tmp_path)
    for sentence in (
        "Operation not permitted",
        "ended its process with code 0",
        "an array without its first bytes",
        "is_right says",
    ):
        assert sentence in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.slow
def test_all_attacks(bubblewrap, tmp_path, monkeypatch):
    assert len(ATTACKS) >= 40
    monkeypatch.setattr(grading, "CALL_LIMIT", 4.0)
    monkeypatch.setattr(grading, "CHECK_LIMIT", 6.0)
    monkeypatch.setattr(sandbox, "MEMORY", 2**29)
    begin = time.monotonic()
    page = attack(ATTACKS, tmp_path)
    assert time.monotonic() - begin < 60 * len(ATTACKS)  # on whatever machine: none hangs it
    for sentence in (
        "was stopped after 4 s",
        "can&#x27;t start new thread",
        "MemoryError",
        "maximum recursion depth exceeded",
        "a number of lines that is none",
        "No module named &#x27;tinycnn&#x27;",
    ):
        assert sentence in page


def test_texts_that_are_none(bubblewrap, tmp_path):
    file = find("02").file
    for name, content in {"nul": b"\0\xff", "deep": b"x = " + b"(" * 9000, "latin": "# é".encode("latin-1")}.items():
        hand_in(tmp_path / "class" / name)
        (tmp_path / "class" / name / file).write_bytes(content)
    rows = graded(tmp_path / "class", tmp_path / "grades", ("02",))
    assert {row["points"] for row in rows.values()} == {"0"}


# The sandbox


def test_what_the_trial_finds_without_walls(tmp_path, monkeypatch):
    def plain(folder):
        return [sys.executable, "-B", str(child.RUNNER), str(folder)]

    monkeypatch.setattr(sandbox, "command", plain)
    with pytest.raises(RuntimeError, match="expected a sandbox that holds, found one in which code can ") as caught:
        sandbox.check()
    for name in (
        "processes",
        "programs",
        "threads",
        "sockets",
        "share memory",
        "write files",
        "outside",
        "environment",
        "read tinycnn",
    ):
        assert name in str(caught.value)


@pytest.mark.parametrize(("wall", "found"), [("files", "read files outside"), ("confined", "start processes")])
def test_a_wall_that_is_missing_is_found(bubblewrap, wall, found, monkeypatch, tmp_path):
    whole = sandbox.command

    def broken(folder):
        line = whole(folder)
        if wall == "confined":
            return [one.replace("/learn/confined.py", "/learn/runner.py") for one in line]
        at = line.index("--ro-bind")
        return [*line[:at], "--ro-bind", str(tmp_path), str(tmp_path), *line[at:]]

    monkeypatch.setattr(sandbox, "command", broken)
    with pytest.raises(RuntimeError, match=f"found one in which code can .*{found}"):
        sandbox.check()


@pytest.mark.parametrize("hidden", [True, False])
def test_where_python_lies_around_its_packages(bubblewrap, hidden, monkeypatch):
    """As in conda: what shows Python shows NumPy's neighbours and tinycnn too, which are then hidden."""
    outermost = sandbox._outermost
    around = [str(Path(np.__file__).parents[2]), str(Path(sandbox.__file__).parents[2])]
    monkeypatch.setattr(sandbox, "_outermost", lambda paths: outermost([*paths, *around]))
    if hidden:
        sandbox.check()
        return
    whole = sandbox.command

    def broken(folder):
        line = whole(folder)
        at = line.index("--tmpfs", line.index("--tmpfs") + 1)  # that of tinycnn
        again = line.index("--remount-ro", line.index("--remount-ro") + 1)
        return [one for i, one in enumerate(line) if i not in (at, at + 1, again, again + 1)]

    monkeypatch.setattr(sandbox, "command", broken)
    with pytest.raises(RuntimeError, match="code can read tinycnn"):
        sandbox.check()


def test_without_bubblewrap(tmp_path, monkeypatch, capsys):
    hand_in(tmp_path / "class" / "one")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["grade", str(tmp_path / "class"), "--out", str(tmp_path / "grades")]) == 2
    assert "found none. Install it: apt-get install bubblewrap" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "grades").exists()


def test_bubblewrap_that_may_not(tmp_path, monkeypatch, capsys):
    hand_in(tmp_path / "class" / "one")
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(fake))
    assert main(["grade", str(tmp_path / "class"), "--out", str(tmp_path / "grades")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "could not here: bwrap: No permissions to create a new namespace" in said


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
def test_the_filter():
    """The program, run as the kernel does."""
    from tinycnn.learn import confined

    for column, (machine, arch) in enumerate(confined.MACHINES.items()):
        code = [
            struct.unpack("HBBI", step) for step in struct.iter_unpack("8s", confined.program(machine)) for step in step
        ]
        refused = {row[column] for row in confined.REFUSED.values()} - {None}
        for number in range(700):
            due = confined.ERROR_NOT_PERMITTED if number in refused else confined.ALLOW
            assert _run(code, number, arch) == due
        assert _run(code, confined.FOREIGN + 1, arch) == confined.ERROR_NOT_PERMITTED
        assert _run(code, 0, 0x40000003) == confined.KILL  # i386


def _run(code, number, arch):
    at = value = 0
    while True:
        kind, yes, no, operand = code[at]
        if kind == 0x06:
            return operand
        if kind == 0x20:
            value = {0: number, 4: arch}[operand]
        else:
            at += yes if (value == operand if kind == 0x15 else value >= operand) else no
        at += 1


# What comes back through the pipe


def frame(header: bytes, data: bytes = b"") -> io.BytesIO:
    return io.BytesIO(struct.pack("<I", len(header)) + header + data)


def npy(text: bytes, data: bytes = b"", magic: bytes = b"\x93NUMPY\x01\x00") -> io.BytesIO:
    return frame(b'{"arrays": 1}', magic + struct.pack("<H", len(text)) + text + data)


def test_arrays_go_both_ways(rng):
    for array in (
        rng.standard_normal((2, 3, 4)).astype(np.float32),
        np.asfortranarray(rng.standard_normal((3, 5))),
        np.arange(4, dtype=">i2"),
        np.array(7.5),
        np.zeros((0, 3)),
        np.array([True, False]),
    ):
        stream = io.BytesIO()
        runner.send(stream, {}, [array])
        stream.seek(0)
        (back,) = runner.receive(stream)[1]
        assert back.dtype == array.dtype
        assert back.flags.writeable
        np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        (io.BytesIO(b"\xff\xff\xff\xff"), "a header of 4294967295 bytes"),
        (frame(b"[]"), "a header without its fields"),
        (frame(b'{"arrays": 65}'), "a header without its fields"),
        (npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }\n"), "arrays of more than"),
        (npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"), "something else than numbers"),
        (npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n"), "something else than numbers"),
        (npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (open('x'),), }\n"), "something else than numbers"),
        (npy(b"", magic=b"\x93NUMPY\x02\x00"), "an array without its first bytes"),
    ],
)
def test_forged_frames(stream, sentence):
    with pytest.raises(ValueError, match=sentence):
        runner.receive(stream)


def test_the_arrays_of_a_frame_are_measured_together():
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }\n"
    one = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"1234"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "MOST_BYTES", 7)
        with pytest.raises(ValueError, match="arrays of more than 7 bytes"):
            runner.receive(frame(b'{"arrays": 2}', one * 2))


@pytest.mark.parametrize("form", [{"value": {"a": 1}}, {"value": [1]}, {"value": 2**63}, {"none": 1}])
def test_forms_that_describe_no_value(form):
    with pytest.raises(ValueError, match="a value of no known kind"):
        runner.unpack(form, [])


def plain_child(tmp_path, text, **limits):
    (tmp_path / "mine.py").write_text(text)
    return Child(tmp_path, **limits)


def test_a_slow_start_is_not_the_learners(tmp_path, monkeypatch):
    slow = [
        sys.executable,
        "-c",
        f"import time; time.sleep(1); exec(open({str(child.RUNNER)!r}).read())",
        str(tmp_path),
    ]
    with plain_child(tmp_path, "def f(x):\n    return x\n", command=slow, limit=0.9) as one:
        assert one.call("mine.py", "f", (1,)).value == 1


def test_a_check_ends_in_time(tmp_path):
    with plain_child(tmp_path, "def f(x):\n    return x\n\ndef g(x):\n    while True: pass\n", total=60.0) as one:
        assert one.call("mine.py", "f", (1,)).value == 1
        one._end = time.monotonic()
        with pytest.raises(Failed, match="the check was stopped in g: all calls together took 60 s"):
            one.call("mine.py", "g", (1,))


def test_callbacks_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "MOST_CALLBACKS", 5)
    with (
        plain_child(tmp_path, "def f(call):\n    while True: call(1)\n") as one,
        pytest.raises(Failed, match="f called what it was given more than 5 times"),
    ):
        one.call("mine.py", "f", (lambda x: x,))


FORGER = """
import json, os, struct
def f(x):
    header = {"arrays": 0, "kind": "result", "form": {"value": 1}, "changed": [], "lines": None, "imported": []}
    header = json.dumps(header | json.loads(x)).encode()
    for number in range(3, 32):
        try:
            os.write(number, struct.pack("<I", len(header)) + header)
        except OSError:
            pass
    os._exit(3)
"""


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"changed": [7]}, "arguments that there are not were changed"),
        ({"lines": "many"}, "a number of lines that is none"),
        ({"kind": "verdict"}, "neither a result nor an error"),
        ({"form": {}}, "cannot be read"),
        ({"form": "array"}, "cannot be read: pop from empty list"),
        ({"imported": 3}, "cannot be read"),
    ],
)
def test_forged_results(tmp_path, fields, sentence):
    with plain_child(tmp_path, FORGER) as one, pytest.raises(Failed, match=sentence) as caught:
        one.call("mine.py", "f", (json.dumps(fields),))
    assert caught.value.kind == "garbled"


# What is handed in


def read_one(folder: Path) -> submissions.Submission:
    (one,) = submissions.read_all(folder)
    return one


def test_what_is_no_file_of_a_learner(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_BYTES", 2000)
    mine = hand_in(tmp_path / "class" / "one", ("02",))
    (tmp_path / "secret.py").write_text("SECRET = 1\n")
    (mine / "unit_01_slope.py").symlink_to(tmp_path / "secret.py")
    (mine / "above").symlink_to(tmp_path)
    os.mkfifo(mine / "fifo.py")
    (mine / "large.py").write_bytes(b"#" * 2001)
    (mine / "unit_03_dense_backward (1).py").write_text("")
    (mine / "new\nline.py").write_text("")
    (mine / "notes.txt").write_text("not taken, not worth a word")
    (mine / "helpers").mkdir()
    (mine / "helpers" / "sums.py").write_text("")
    (mine / "my notes").mkdir()
    (mine / "my notes" / "old.py").write_text("")
    deep = mine
    for _ in range(8):
        deep = deep / "deeper"
    deep.mkdir(parents=True)
    (deep / "bottom.py").write_text("")
    one = read_one(tmp_path / "class")
    assert sorted(one.files) == ["helpers/sums.py", "unit_02_dense_forward.py"]
    assert sorted(one.remarks) == [
        "above is a link, which is not followed",
        "fifo.py is not a file",
        "large.py is larger than 0 MB: left out",
        "new line.py is left out: no Python file that could be imported is called so",
        "unit_01_slope.py is a link, which is not followed",
        "unit_03_dense_backward (1).py is left out: no Python file that could be imported is called so",
    ]


def test_numbers_of_files_are_bounded(tmp_path, monkeypatch):
    mine = hand_in(tmp_path / "class" / "one")
    for number in range(10):
        (mine / f"x{number}.py").write_text("")
    monkeypatch.setattr(submissions, "MOST_FILES", 3)
    one = read_one(tmp_path / "class")
    assert len(one.files) == 3
    assert one.remarks == ["more than 3 files: the others are left out"]
    monkeypatch.setattr(submissions, "MOST_ENTRIES", 2)
    assert "more than 2 files and folders: the others are left out" in read_one(tmp_path / "class").remarks
    monkeypatch.setattr(submissions, "MOST_TOTAL", 10)
    assert "more than 0 MB in all: the others are left out" in read_one(tmp_path / "class").remarks


def zipped(tmp_path: Path, **content: str | bytes) -> Path:
    (tmp_path / "class").mkdir(exist_ok=True)
    with zipfile.ZipFile(tmp_path / "class" / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return tmp_path / "class"


def test_a_zip_file_is_read_like_a_folder(tmp_path):
    state = json.dumps({"version": 1, "id": "0123abcd", "units": {}})
    home = "Anna Müller (3)"
    folder = zipped(
        tmp_path,
        **{
            f"{home}/unit_02_dense_forward.py": RIGHT["02"],
            f"{home}/course.json": state,
            "__MACOSX/._unit_02_dense_forward.py": b"\0",
        },
    )
    one = read_one(folder)
    assert sorted(one.files) == ["course.json", "unit_02_dense_forward.py"]
    assert one.remarks == []
    (tmp_path / "written").mkdir()
    one.write(tmp_path / "written")
    assert one.learner.id == "0123abcd"


def test_zip_files_that_mean_harm(tmp_path, monkeypatch):
    folder = zipped(
        tmp_path,
        **{
            "../../unit_01_slope.py": "",
            "/tmp/absolute.py": "",
            "..\\unit_03_dense_backward.py": "",
            "unit_02_dense_forward.py": RIGHT["02"],
            "bomb.py": bytes(2**26),
        },
    )
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "one.zip", "a") as archive:
        archive.writestr(link, "/etc/passwd")
    (folder / "two.zip").write_bytes(b"PK\x03\x04 and no more")
    (folder / "three.txt").write_text("a file")
    (folder / "four").symlink_to(tmp_path)
    found = {one.name: one for one in submissions.read_all(folder)}
    monkeypatch.setattr(submissions, "MOST_ZIP", 5)
    assert "larger than 0 MB" in submissions.read_all(folder)[1].remarks
    assert [*found["one.zip"].files] == ["unit_02_dense_forward.py"]
    assert sum("is left out" in remark for remark in found["one.zip"].remarks) == 3
    assert "link.py is a link, which is not followed" in found["one.zip"].remarks
    assert "bomb.py is larger than 1 MB: left out" in found["one.zip"].remarks
    assert found["two.zip"].remarks == ["cannot be read: File is not a zip file", "no file of the course is in it"]
    assert found["three.txt"].remarks == ["expected a folder or a zip file, found a file"]
    assert found["four"].remarks == ["expected a folder or a zip file, found a link"]


def test_folders_in_folders(tmp_path):
    hand_in(tmp_path / "class" / "one" / "Course of mine" / "tinycnn_course", ("01", "02"))
    hand_in(tmp_path / "class" / "one" / "Course of mine" / "old", ("02",))
    one = read_one(tmp_path / "class")
    assert sorted(one.files) == [find("01").file, find("02").file]
    assert one.remarks == ["2 folders hold units: taken is Course of mine/tinycnn_course"]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (None, "course.json is missing"),
        ("{", "course.json is damaged"),
        ("[" * 100000, "course.json is damaged"),
        ('{"version": 1, "id": ["a"], "units": {}}', "course.json is damaged"),
        ('{"version": 1, "id": "-1f", "units": {}}', "has an id that the course does not give"),
        ('{"version": 1, "id": "' + "f" * 5000 + '", "units": {}}', "has an id that the course does not give"),
        ('{"version": 1, "id": "=cmd", "units": {"01": 7}}', "course.json is damaged"),
    ],
)
def test_ids_that_are_none(tmp_path, state, sentence):
    mine = hand_in(tmp_path / "class" / "one")
    if state is not None:
        (mine / "course.json").write_text(state)
    one = read_one(tmp_path / "class")
    (tmp_path / "written").mkdir()
    one.write(tmp_path / "written")
    assert one.learner is None
    assert [remark for remark in one.remarks if sentence in remark]


def test_two_with_one_id(bubblewrap, tmp_path):
    hand_in(tmp_path / "class" / "one", id="0123abcd")
    hand_in(tmp_path / "class" / "two", id="0123abcd")
    hand_in(tmp_path / "class" / "three", id="0123abce")
    rows = graded(tmp_path / "class", tmp_path / "grades", ("02",))
    assert rows["one"]["remarks"] == "has the same id as two"
    assert rows["two"]["remarks"] == "has the same id as one"
    assert rows["three"]["remarks"] == ""
    assert [row["points"] for row in rows.values()] == ["1", "1", "1"]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: None, "found no "),
        (lambda folder: folder.mkdir(), "found nothing"),
        (lambda folder: hand_in(folder), "which is one learner's"),
    ],
)
def test_folders_that_are_no_class(tmp_path, capsys, outcomes, make, sentence):
    make(tmp_path / "class")
    assert main(["grade", str(tmp_path / "class"), "--out", str(tmp_path / "grades")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_out_is_no_submission(tmp_path, capsys):
    hand_in(tmp_path / "class" / "one")
    assert main(["grade", str(tmp_path / "class"), "--out", str(tmp_path / "class" / "grades")]) == 2
    assert "expected --out outside of" in " ".join(capsys.readouterr().err.split())


# Units, and what is written


@pytest.fixture
def outcomes(monkeypatch):
    """Grade without a sandbox: maps a unit and a variant to what examining it gives, or to an error to raise."""
    given = {}

    def examine(unit, folder, variant, **_):
        outcome = given.get((unit.number, variant), Outcome(unit, ("first",)))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(grading, "examine", examine)
    monkeypatch.setattr(sandbox, "check", lambda: None)
    monkeypatch.setattr(sandbox, "command", lambda folder: [])
    return given


def test_an_error_in_a_check_stops_nothing(tmp_path, outcomes):
    outcomes["02", None] = IndexError("of ours")
    hand_in(tmp_path / "class" / "one", ("01", "02", "03"))
    rows = graded(tmp_path / "class", tmp_path / "grades", ("1", "2", "3"))
    assert [rows["one"][number] for number in ("01", "02", "03", "points")] == ["1", "0", "1", "2"]
    assert "The check itself ended with IndexError: of ours" in (tmp_path / "grades" / "grades.html").read_text()


def test_what_the_teacher_should_know(tmp_path, outcomes):
    outcomes["02", None] = Outcome(find("02"), ("first",), imports_tinycnn=True)
    progress = {"01": {"hints": 1}, "02": {"hints": 3, "gave_up": True}}
    mine = hand_in(tmp_path / "class" / "one", ("01", "02"))
    (mine / "course.json").write_text(json.dumps({"version": 1, "id": "0123abcd", "units": progress}))
    rows = graded(tmp_path / "class", tmp_path / "grades")
    assert rows["one"]["remarks"] == "unit_02_dense_forward.py imports tinycnn"
    page = (tmp_path / "grades" / "grades.html").read_text()
    assert "01 (1 hint), 02 (3 hints, the solution was shown before it was solved)" in page


def test_ctrl_c_writes_what_is_done(tmp_path, outcomes):
    outcomes["02", None] = KeyboardInterrupt()
    hand_in(tmp_path / "class" / "one", ("01",))
    hand_in(tmp_path / "class" / "two", ("02",))
    hand_in(tmp_path / "class" / "zoe", ("01",))
    console = Console(file=io.StringIO(), width=80)
    assert grading.grade(tmp_path / "class", tmp_path / "grades", ["01", "02"], console) == 130
    assert "Interrupted: 2 of 3 are not graded" in console.file.getvalue()
    assert (tmp_path / "grades" / "grades.csv").read_text().count("\n") == 2
    assert "Interrupted: 2 were not graded" in (tmp_path / "grades" / "grades.html").read_text()


def test_milestones_need_their_units(tmp_path, outcomes):
    milestone = find("A")
    for name, numbers in (("all", milestone.needs), ("some", milestone.needs[1:])):
        (tmp_path / "class" / name).mkdir(parents=True)
        for number in numbers:
            (tmp_path / "class" / name / find(number).file).write_text("")
    outcomes["A", None] = Outcome(milestone, ("it learns",))
    rows = graded(tmp_path / "class", tmp_path / "grades", ("A",))
    assert {name: (row["A"], row["points"]) for name, row in rows.items()} == {"all": ("1", "1"), "some": ("", "0")}
    assert f"It needs {milestone.needs[0]}, not handed in." in (tmp_path / "grades" / "grades.html").read_text()


def test_units_are_chosen():
    assert grading._chosen(["3", "01"], milestones=True) == [find("01"), find("03")]
    assert {unit.is_milestone for unit in grading._chosen(None, milestones=False)} == {False}
    with pytest.raises(ValueError, match="expected a unit that has a check, received none"):
        grading._chosen(["A"], milestones=False)
    with pytest.raises(ValueError, match="expected the number or name of a unit"):
        grading._chosen(["99"], milestones=True)


def test_without_an_id_any_variant_counts(tmp_path, outcomes, monkeypatch):
    monkeypatch.setattr(type(find("02")), "variants", property(lambda self: ["first", "second"]))
    outcomes["02", None] = outcomes["02", "first"] = Outcome(find("02"), (), "a rung", Wrong("not this"))
    hand_in(tmp_path / "class" / "nobody")
    hand_in(tmp_path / "class" / "somebody", id="00000000")  # whose variant is the first
    rows = graded(tmp_path / "class", tmp_path / "grades", ("02",))
    assert rows["nobody"]["02"] == "1"
    assert rows["somebody"]["02"] == "0"


class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not {name for name, _ in attributes if name.startswith("on") or name == "src"}


def test_the_report_escapes_everything():
    evil = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>&"
    result = Result(find("02"), "wrong", 1, 3, evil, evil, evil, evil, evil)
    report = Report([find("02")], [Grade(evil, "0123abcd", [result], [evil])], heading=evil)
    page = report.page()
    tags = Tags(page).tags
    assert not tags & {"script", "img"}
    assert {"table", "details"} <= tags
    assert page.count("&lt;script&gt;") >= 7
    assert "http" not in page.replace("http-equiv", "")


def test_the_table_holds_no_formula():
    report = Report(
        [find("02")], [Grade(text, "", [Result(find("02"), "missing")], [text]) for text in ("=1+1", "@x", "-1")]
    )
    rows = [*csv.reader(io.StringIO(report.table()))]
    assert rows[0] == ["submission", "id", "points", "of", "02", "remarks"]
    assert rows[1:] == [[f"'{text}", "", "0", "1", "", f"'{text}"] for text in ("=1+1", "@x", "-1")]


@pytest.mark.slow
def test_a_class(bubblewrap, tmp_path):
    due = make_class(tmp_path / "class", 10)
    rows = graded(
        tmp_path / "class", tmp_path / "grades", tuple(unit.number for unit in COURSE if not unit.is_milestone)
    )
    for name, fates in due.items():
        for number, fate in fates.items():
            share = rows[name][number]
            assert (share == "1", share == "") == (fate == "solved", fate == "missing"), (name, number)
