"""`python -m bot` is `verbatim run`."""

import sys

from bot.service import main

if __name__ == "__main__":
    sys.exit(main())
