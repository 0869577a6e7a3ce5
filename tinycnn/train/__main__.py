"""``python -m tinycnn.train``"""

import sys

from tinycnn.train import main

sys.exit(main())
