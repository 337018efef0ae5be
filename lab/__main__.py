"""`python -m lab`: the command `luminescope`, where its script is not on the path."""

import sys

from lab.shell import main

if __name__ == "__main__":
    sys.exit(main())
