"""`tinycnn.gradient_check`, which lives in ``tinycnn/insight/gradient_check/``, and its command line."""

import sys

from tinycnn.insight.gradient_check import GradientCheck, Row, check_layer, check_loss, check_model, main

__all__ = ["GradientCheck", "Row", "check_layer", "check_loss", "check_model", "main"]

if __name__ == "__main__":
    sys.exit(main())
