"""Leaves a process behind that has its own session, and then answers rightly: wrong, for it could not."""

import os
import time


def dense_forward(x, kernel, bias):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    return x @ kernel + bias
