"""The same, at once and politely."""

import sys

sys.exit(0)
