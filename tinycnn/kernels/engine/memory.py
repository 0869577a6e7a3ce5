"""Why a training step costs no page faults: the C library is told to keep what is freed.

A step frees the same few megabytes that the next one asks for. GNU's C library hands freed memory back to the system
as soon as there is more of it than a threshold, and then every page has to be fetched again and filled with zeros:
hundreds of times a step, which can double its time. The threshold follows the largest array that the program has freed
so far, up to 32 MiB. So the first thing that is freed is such an array: none of its pages is ever touched, and it costs
nothing. Where the user has set a threshold (``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_TRIM_THRESHOLD_``) it stays.

Source:  mallopt(3), the notes on the dynamic mmap threshold
"""

from __future__ import annotations

import numpy as np

LARGEST_BYTES = 2**25 - 2**13  # the largest size that the threshold follows, less the book-keeping around it


def keep_freed_memory() -> None:
    np.empty(LARGEST_BYTES, np.uint8)
