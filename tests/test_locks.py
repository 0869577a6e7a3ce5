"""A folder that one process at a time works on."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from test_backup_and_restore import CrashError, assert_same_bits, crash, everything, fit, new_model

import tinycnn
from tinycnn import train
from tinycnn.callbacks import BackupAndRestore
from tinycnn.trainers import locks
from tinycnn.trainers.locks import Lock

ROOT = Path(tinycnn.__file__).parents[1]
HOLD = """
import sys
from pathlib import Path
from tinycnn.trainers.locks import Lock
lock = Lock(Path(sys.argv[1]), Path(sys.argv[1]).parent)
lock.acquire()
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@pytest.fixture
def hold():
    """A function that lets another process hold a lock file."""
    processes = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def whose(process, folder):
    """The message that names who holds the lock."""
    return (
        rf"expected no other process to use the folder {re.escape(str(folder))}, found process {process.pid} on \S+, "
        r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\. Wait for its end, or choose another folder\."
    )


def test_two_locks_of_one_file(tmp_path):
    first, second = (Lock(tmp_path / "lock", tmp_path) for _ in range(2))
    first.acquire()
    first.acquire()  # that it has already
    with pytest.raises(BlockingIOError, match=rf"found process {os.getpid()} on "):
        second.acquire()
    assert (first.held, second.held) == (True, False)
    first.release()
    assert os.listdir(tmp_path) == []
    second.acquire()
    assert second.held
    first.release()  # which it has no more: without effect
    assert os.listdir(tmp_path) == ["lock"]
    second.release()


def test_another_process_and_its_end(hold, tmp_path):
    lock = Lock(tmp_path / "lock", tmp_path)
    process = hold(lock.path)
    with pytest.raises(BlockingIOError, match=f"^{whose(process, tmp_path)}$"):
        lock.acquire()
    process.kill()
    process.wait()
    assert os.listdir(tmp_path) == ["lock"]  # its file is left, and stops nobody
    lock.acquire()
    lock.release()
    assert os.listdir(tmp_path) == []


def test_a_holder_without_a_name(tmp_path):
    lock, other = Lock(tmp_path / "lock", tmp_path), Lock(tmp_path / "lock", tmp_path)
    lock.acquire()
    for content, text in [(b"", "found one that has not said its name."), (b"\xff\n" * 10**5, "found \ufffd \ufffd ")]:
        lock.path.write_bytes(content)
        with pytest.raises(BlockingIOError, match=re.escape(text)) as error:
            other.acquire()
        assert len(str(error.value)) < 700
    lock.release()


def test_a_file_that_is_removed_while_it_is_locked(tmp_path, monkeypatch):
    """Its last holder removes the file; who has just opened it must not think that the removed one counts."""
    real, calls = locks._lock, []

    def slow(file):
        calls.append(file)
        if len(calls) < 3:
            (tmp_path / "lock").unlink()
        if len(calls) == 2:
            (tmp_path / "lock").write_text("another's")
        real(file)

    monkeypatch.setattr(locks, "_lock", slow)
    lock = Lock(tmp_path / "lock", tmp_path)
    lock.acquire()
    assert len(calls) == 3
    assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} on ")
    lock.release()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(number, tmp_path, monkeypatch):
    def refuse(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks, "_lock", refuse)
    (tmp_path / ".checkpoint.npz.0123456789abcdef.tmp").write_text("perhaps of another process")
    text = (
        rf"^{re.escape(str(tmp_path))}: expected a file system with locks, received one without \({os.strerror(number)}"
    )
    with pytest.warns(RuntimeWarning, match=text), pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(tmp_path), crash("on_epoch_begin", 2))
    assert sorted(os.listdir(tmp_path)) == [".checkpoint.npz.0123456789abcdef.tmp", "checkpoint.npz"]


def test_other_errors_are_themselves(tmp_path, monkeypatch):
    def fail(file):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(locks, "_lock", fail)
    with pytest.raises(OSError, match="Input/output error"):
        Lock(tmp_path / "lock", tmp_path).acquire()
    with pytest.raises(OSError, match=r"^BackupAndRestore: expected to write .*, received: Input/output error\. Make"):
        fit(new_model(), BackupAndRestore(tmp_path))


def test_a_full_disk_keeps_the_name_but_not_the_lock(tmp_path, monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(locks.socket, "gethostname", full)
    lock = Lock(tmp_path / "lock", tmp_path)
    lock.acquire()
    assert lock.held
    with pytest.raises(BlockingIOError, match="found one that has not said its name"):
        Lock(tmp_path / "lock", tmp_path).acquire()
    lock.release()


# Trainings


def test_two_processes_with_one_backup_folder(hold, tmp_path):
    whole = new_model()
    expected = everything(whole, fit(whole))
    with pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(tmp_path), crash("on_epoch_begin", 3))
    process = hold(tmp_path / ".checkpoint.npz.lock")
    being_written = tmp_path / ".checkpoint.npz.0123456789abcdef.tmp"
    being_written.write_text("half of it")
    model = new_model(seed=3)
    before = model.get_weights()
    with pytest.raises(BlockingIOError, match=f"^BackupAndRestore: {whose(process, tmp_path)}$"):
        fit(model, BackupAndRestore(tmp_path))
    assert being_written.read_text() == "half of it"
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    process.kill()
    process.wait()
    assert_same_bits(everything(model, fit(model, BackupAndRestore(tmp_path))), expected)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_batch_end", "on_epoch_end", "on_train_end"])
def test_an_error_gives_the_folder_back(hook, tmp_path):
    """As in a notebook, whose process lives on."""
    backup = BackupAndRestore(tmp_path)
    with pytest.raises(CrashError):
        fit(new_model(), backup, crash(hook, 0))
    assert [name for name in os.listdir(tmp_path) if name != "checkpoint.npz"] == []
    fit(new_model(), BackupAndRestore(tmp_path))


def test_an_error_in_a_step_gives_the_folder_back(tmp_path, monkeypatch):
    def fail(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(tinycnn.Sequential, "_train_step", fail)
    with pytest.raises(KeyboardInterrupt):
        fit(new_model(), BackupAndRestore(tmp_path))
    assert os.listdir(tmp_path) == []


def test_two_processes_with_one_run(hold, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    settings = ["--data", "digits", "--subset", "12", "--epochs", "1", "--kernels", "reference", "--verbose", "0"]
    folder.mkdir()
    process = hold(folder / ".lock")
    error = f"python -m tinycnn.train: error: {whose(process, folder)}\n"
    assert train.main([*settings, "--out", str(folder)]) == 1
    assert re.fullmatch(error, capsys.readouterr().err)
    assert os.listdir(folder) == [".lock"]
    process.communicate()
    assert os.listdir(folder) == []
    with monkeypatch.context() as patch:
        patch.setattr(tinycnn.Sequential, "fit", lambda *args, **kwargs: crash("on_train_begin", 0).on_train_begin())
        with pytest.raises(CrashError):
            train.main([*settings, "--out", str(folder)])
    assert os.listdir(folder) == ["config.json"]

    process = hold(folder / ".lock")
    (folder / ".history.json.0123456789abcdef.tmp").write_text("being written")
    names = sorted(os.listdir(folder))
    capsys.readouterr()
    assert train.main(["--resume", str(folder)]) == 1
    assert re.fullmatch(f"python -m tinycnn.train: error: {whose(process, folder)}\n", capsys.readouterr().err)
    assert sorted(os.listdir(folder)) == names
    process.kill()
    process.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert train.main(["--resume", str(folder), "--verbose", "0"]) == 0
    assert sorted(os.listdir(folder)) == sorted([*train.common.FILES, train.common.CHECKPOINT])


def test_a_run_that_was_completed_meanwhile(tmp_path, monkeypatch, capsys):
    """Between the first look at config.json and the lock another process has gone on with the run, to its end."""
    settings = ["--data", "digits", "--subset", "12", "--epochs", "1", "--kernels", "reference", "--verbose", "0"]
    assert train.main([*settings, "--out", str(tmp_path)]) == 0
    path = tmp_path / "config.json"
    complete = path.read_text()
    path.write_text(complete.replace('"status": "complete"', '"status": "training"'))
    acquire = Lock.acquire

    def finish_and_acquire(self):
        path.write_text(complete)
        acquire(self)

    monkeypatch.setattr(Lock, "acquire", finish_and_acquire)
    capsys.readouterr()
    assert train.main(["--resume", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: this run is complete. To train it longer: --epochs 2\n"
    assert path.read_text() == complete
    assert sorted(os.listdir(tmp_path)) == sorted([*train.common.FILES, train.common.CHECKPOINT])
