"""Accepted, without effect: NUMBA_NUM_THREADS, set before tinycnn is imported, says how many threads compute."""

__all__ = ["set_inter_op_parallelism_threads", "set_intra_op_parallelism_threads"]


def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """Accepted, without effect."""


def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Accepted, without effect."""
