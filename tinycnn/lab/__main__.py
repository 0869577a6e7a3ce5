"""``python -m tinycnn.lab``."""

import sys

from tinycnn.lab.command_line import main

if __name__ == "__main__":
    sys.exit(main())
