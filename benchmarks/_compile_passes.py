"""Seconds that a cold start spends in each of Numba's compiler passes, and in the rest: a line of JSON at the end.

``python -m benchmarks._compile_passes``; a pass that compiles a function it meets on the way is not charged with it.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from typing import Any

from numba.core import event


class OwnSeconds(event.Listener):
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.running: list[list[float]] = []  # start, seconds of the passes within it

    def on_start(self, event: Any) -> None:
        self.running.append([time.perf_counter(), 0.0])

    def on_end(self, event: Any) -> None:
        start, within = self.running.pop()
        whole = time.perf_counter() - start
        name = event.data["name"].split(" ")[0]
        self.seconds[name] = self.seconds.get(name, 0.0) + whole - within
        if self.running:
            self.running[-1][1] += whole


if __name__ == "__main__":
    listener, start = OwnSeconds(), time.perf_counter()
    event.register("numba:run_pass", listener)
    sys.argv = ["_first_batch", "tinycnn"]
    runpy.run_module("benchmarks._first_batch", run_name="__main__")
    passes = dict(sorted(listener.seconds.items(), key=lambda item: -item[1]))
    print(json.dumps({"passes": passes, "seconds": time.perf_counter() - start}))
