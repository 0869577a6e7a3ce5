"""`tinycnn.normalization`, which lives in ``tinycnn/insight/``."""

from tinycnn.insight.normalization import (
    fold_batch_normalization,
    recalibrate_batch_normalization,
)

__all__ = [
    "fold_batch_normalization",
    "recalibrate_batch_normalization",
]
