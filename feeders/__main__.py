"""``python -m feeders``, the same as ``feeders``."""

import sys

from feeders.cli import main

sys.exit(main())
