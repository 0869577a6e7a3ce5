"""``python -m tinycnn.learn``."""

import sys

from tinycnn.learn.command_line import main

if __name__ == "__main__":
    sys.exit(main())
