"""``python -m feeders``."""

import sys

from feeders.cli import main

sys.exit(main())
