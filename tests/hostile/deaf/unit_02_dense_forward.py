"""Catches all signals, and stops itself."""

import os
import signal

for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass


def dense_forward(x, kernel, bias):
    os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        pass
