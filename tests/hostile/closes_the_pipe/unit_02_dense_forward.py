"""Closes the way back, and lives on."""

import os
import time


def dense_forward(x, kernel, bias):
    os.closerange(0, 32)
    time.sleep(3600)
