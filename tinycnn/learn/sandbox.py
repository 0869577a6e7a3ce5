"""A sandbox for code that others wrote: what is to be started in place of the plain runner.

    sandbox.check()                                            # once: refuses where the walls do not hold
    examine(unit, folder, variant, command=sandbox.command(folder))

Walls, from the outside in:
    bubblewrap      a world of its own: no network, no processes but its own, and of the files only Python, NumPy, the
                    two scripts that run there and the submission, all read-only. Nothing can be written.
    `confined.py`   limits of memory, processor time and open files; the kernel refuses new processes, threads,
                    programs, sockets and shared memory.
    `child.Child`   limits of time on the clock; what comes back is bytes, which are measured before they are read.

tinycnn itself is not there: whoever imports it reads that there is no such module.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinycnn.learn.child import Child, Failed, plain

MEMORY = 2 * 2**30  # bytes of addresses; a milestone's largest batch needs less than half
PROCESSOR = 3600  # seconds; the clock ends a check long before
HOME = "/learn"  # where the scripts lie inside
ADVICE = "Install it: apt-get install bubblewrap (Linux; elsewhere grade in a Linux virtual machine)"

TRIAL = '''"""Tries what must not be possible, and returns the names of what was."""

import ctypes
import os
import socket
import threading


def program():
    try:
        os.execv("/no/such/program", ["program"])
    except FileNotFoundError:
        return  # it was looked for


def thread():
    threading.Thread(target=int).start()


def shared():
    if ctypes.CDLL(None, use_errno=True).shmget(0, 4096, 0o1600) < 0:
        raise OSError


def look(*paths):
    for path in paths:
        if os.path.exists(path):
            return
    raise OSError


def write():
    for folder in ("/", "/tmp", "/dev", "/dev/shm", os.path.dirname(__file__), os.path.dirname(os.__file__)):
        try:
            open(os.path.join(folder, "written"), "w").close()
        except OSError:
            continue
        return
    raise OSError


def trial(outside, tinycnn):
    attempts = {
        "start processes": lambda: os.fork() or os._exit(0),
        "start programs": program,
        "start threads": thread,
        "open sockets": socket.socket,
        "share memory": shared,
        "write files": write,
        "read files outside": lambda: look(outside, "/etc/passwd", "/home", "/proc/1"),
        "read the environment": lambda: os.environ["PATH"],
        "read tinycnn": lambda: look(tinycnn),
    }
    possible = []
    for name, attempt in attempts.items():
        try:
            attempt()
            possible.append(name)
        except (OSError, RuntimeError, KeyError):
            pass
    return tuple(possible)
'''


def command(folder: Path) -> list[str]:
    """What starts the runner for a folder inside the sandbox.

    Raises:
        RuntimeError: bubblewrap is not installed.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise RuntimeError(f"learn: expected bubblewrap (bwrap) to run submissions in, found none. {ADVICE}.")
    python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))  # not the link in a venv
    packages = Path(np.__file__).parents[1]
    here = Path(__file__).parent
    shown = _outermost(["/usr", "/lib", "/lib64", sys.base_prefix, python])
    hidden = [str(one) for one in (packages, here.parent) if any(one.is_relative_to(path) for path in shown)]
    own = (f"--unshare-{what}" for what in ("user", "net", "pid", "ipc", "uts", "cgroup-try"))
    line = [bwrap, *own, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", "--dev", "/dev"]
    for path in [*shown, "/etc/ld.so.cache", "/etc/alternatives"]:
        line += ["--ro-bind-try", path, path]
    for path in hidden:
        line += ["--tmpfs", path]
    for name in ("numpy", "numpy.libs"):  # the second holds the libraries of NumPy's wheels
        line += ["--ro-bind-try", str(packages / name), str(packages / name)]
    for path in hidden:
        line += ["--remount-ro", path]
    for script in ("confined.py", "runner.py"):
        line += ["--ro-bind", str(here / script), f"{HOME}/{script}"]
    inside = f"{HOME}/submission"
    line += ["--ro-bind", str(folder.resolve()), inside, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", inside]
    environment = {"PYTHONPATH": str(packages), "LANG": "C.UTF-8"}
    environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    for name, value in environment.items():
        line += ["--setenv", name, value]
    return [*line, "--", python, "-s", "-S", "-B", f"{HOME}/confined.py", inside, str(MEMORY), str(PROCESSOR)]


def _outermost(paths: Sequence[str]) -> list[str]:
    """The paths without those that lie in another of them."""
    return [a for a in dict.fromkeys(paths) if not any(a != b and Path(a).is_relative_to(b) for b in paths)]


def check() -> None:
    """Try the sandbox.

    Raises:
        RuntimeError: it does not start, or something is possible in it that must not be.
    """
    with tempfile.TemporaryDirectory(prefix="tinycnn-trial-") as name:
        outside, inside = Path(name) / "outside", Path(name) / "inside"
        outside.touch()
        inside.mkdir()
        (inside / "trial.py").write_text(TRIAL, encoding="utf-8")
        try:
            with Child(inside, command(inside)) as child:
                possible = child.call("trial.py", "trial", (str(outside), __file__)).value
        except Failed as failure:
            raise RuntimeError(
                "learn: expected bubblewrap to make a sandbox, which it could not here: "
                f"{plain(child.printed) or failure} Grade where a user may make namespaces: outside of containers, say."
            ) from None
    if possible != ():
        raise RuntimeError(
            f"learn: expected a sandbox that holds, found one in which code can {', '.join(map(str, possible))}. "
            "Grade on another machine."
        )
