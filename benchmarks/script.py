"""What all scripts here have in common: what a user can mend is said in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable


def script(main: Callable[[], None]) -> None:
    """Run a script; the process ends with 2 and one line where something was asked for that cannot be."""
    try:
        main()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
