"""``python -m detector``: the command line."""

import sys

from detector.cli import main

if __name__ == "__main__":
    sys.exit(main())
