"""The machine that a result was made on. Standard library only: the benchmarks' processes stay small."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, number of cores and operating system."""
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "os": f"{platform.system()} {platform.machine()}"}


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
