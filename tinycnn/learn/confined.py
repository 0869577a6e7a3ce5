"""What starts inside the sandbox: gives up what a learner's function has no need of, for good, then runs `runner.py`.

Like the runner a script that imports nothing of tinycnn. `sandbox.py` says what the walls around it are, and why.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys

# What the kernel refuses from here on, with its number on x86_64 and on aarch64, None where there is no such call.
# New processes and threads, for they multiply every other limit; memory that no limit counts; ways to reach others.
# Numbers: Linux's asm/unistd_64.h and asm-generic/unistd.h
REFUSED = {
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "ptrace": (101, 117),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*, linux/audit.h

# linux/filter.h, linux/seccomp.h, linux/prctl.h
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, KILL, ERROR_NOT_PERMITTED = 0x7FFF0000, 0x80000000, 0x00050001
FOREIGN = 0x40000000  # numbers from here on are x86_64's second table of calls
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2


def program(machine: str) -> bytes:
    """The filter: a small program that the kernel runs before each call, on the call's number and machine."""
    column = [*MACHINES].index(machine)
    numbers = [row[column] for row in REFUSED.values() if row[column] is not None]
    left = len(numbers) + 1  # instructions between the first comparison and the refusal
    steps = [
        (LOAD, 0, 0, 4),  # seccomp_data.arch
        (JUMP_IF_EQUAL, 1, 0, MACHINES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # seccomp_data.nr
        (JUMP_IF_AT_LEAST, left, 0, FOREIGN),
        *((JUMP_IF_EQUAL, left - 1 - i, 0, number) for i, number in enumerate(numbers)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, ERROR_NOT_PERMITTED),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def refuse() -> None:
    """Have the kernel refuse the calls above, in this process for as long as it lives.

    Raises:
        OSError: the kernel does not, or the machine's numbers are not known.
    """
    machine = os.uname().machine
    if machine not in MACHINES:
        raise OSError(f"expected a machine of type {' or '.join(MACHINES)}, found {machine}")
    code = program(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    whole = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8, ctypes.addressof(buffer)))  # sock_fprog
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    nothing = ctypes.c_ulong(0)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), nothing, nothing, nothing),
        (PR_SET_SECCOMP, ctypes.c_ulong(FILTER), ctypes.byref(whole), nothing, nothing),
    ):
        if prctl(*arguments):
            raise OSError(ctypes.get_errno(), "the kernel takes no filter of calls (seccomp)")


def limit(memory: int, seconds: int) -> None:
    """Bound this process; it cannot raise what is set here."""
    bounds = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,  # not one byte into any file
        resource.RLIMIT_NOFILE: 32,
        resource.RLIMIT_CORE: 0,
    }
    for what, bound in bounds.items():
        hard = resource.getrlimit(what)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(what, (bound, bound))


if __name__ == "__main__":
    limit(*map(int, sys.argv[2:4]))
    refuse()
    import runner  # type: ignore[import-not-found]  # it lies beside this file in the sandbox

    runner.main()
