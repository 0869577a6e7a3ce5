"""Pictures of training and of what a network has learned: functions that return a matplotlib Figure.

In a notebook a figure shows itself as the last line of a cell; elsewhere ``figure.show()`` opens a window, and
``figure.savefig("curves.png")`` stores it. Before that a figure does not belong to pyplot: no window opens, nothing has
to be closed, and the user's settings stay as they are.

Where one panel has both, solid lines are training and dashed ones validation.

Each figure tells in words what it shows, read from what it holds: ``figure.alternative_text``. A notebook keeps it with
the output, a PNG or SVG file as its description; `describe` does the same for a figure of pyplot.
"""

from tinycnn.plots.charts import bars, difference_errors, line_chart, roofline
from tinycnn.plots.common import BLUE, COLOURS, VERMILION
from tinycnn.plots.dropout import dropout_masks, prediction_samples, uncertainty_bars, variance_shift
from tinycnn.plots.images import arrays, confusion_matrix, feature_maps, kernels, misclassified, sample_images
from tinycnn.plots.runs import (
    compare_curves,
    overfitting_curves,
    paired_differences,
    ranking,
    reliability_diagram,
    seed_bands,
)
from tinycnn.plots.training import histograms_over_training, training_curves
from tinycnn.plots.words import describe

__all__ = [
    "BLUE",
    "COLOURS",
    "VERMILION",
    "arrays",
    "bars",
    "compare_curves",
    "confusion_matrix",
    "describe",
    "difference_errors",
    "dropout_masks",
    "feature_maps",
    "histograms_over_training",
    "kernels",
    "line_chart",
    "misclassified",
    "overfitting_curves",
    "paired_differences",
    "prediction_samples",
    "ranking",
    "reliability_diagram",
    "roofline",
    "sample_images",
    "seed_bands",
    "training_curves",
    "uncertainty_bars",
    "variance_shift",
]
