"""``python -m smalti`` is the command ``smalti``."""

import sys

from smalti.scheduler.cli import main

if __name__ == "__main__":
    sys.exit(main())
