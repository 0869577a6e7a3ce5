"""Asks somebody else; right if anybody can be reached."""

import socket

from port import PORT  # where the test listens


def dense_forward(x, kernel, bias):
    for attempt in (
        lambda: socket.create_connection(("127.0.0.1", PORT), 1),
        lambda: socket.create_connection(("1.1.1.1", 53), 1),
        lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect("\0/tmp/.X11-unix/X0"),
        lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    ):
        try:
            attempt()
        except OSError:
            continue
        return x @ kernel + bias
    return None
