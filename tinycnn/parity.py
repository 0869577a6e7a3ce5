"""`tinycnn.parity`, which lives in ``tinycnn/insight/``."""

import sys

from tinycnn.insight.parity import (
    Row,
    compare,
    main,
)

__all__ = [
    "Row",
    "compare",
    "main",
]

if __name__ == "__main__":
    sys.exit(main())
