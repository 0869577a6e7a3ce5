"""`tinycnn.inspection`, which lives in ``tinycnn/insight/``."""

from tinycnn.insight.inspection import (
    LayerGradients,
    Monitor,
    activations,
    dead_relu_share,
    gradients,
    parameter_values,
    update_to_data_ratio,
)

__all__ = [
    "LayerGradients",
    "Monitor",
    "activations",
    "dead_relu_share",
    "gradients",
    "parameter_values",
    "update_to_data_ratio",
]
