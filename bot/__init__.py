"""The bot and the command `verbatim`."""

import os

# Set before numpy is imported. The matrices of a question are small: more OpenBLAS threads gain nothing, and
# on busy cores they wait for each other (up to 2 s a question; one thread takes 0.1 s).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The same as in pyproject.toml. Hosts that install only requirements.txt have no metadata of the package.
__version__ = "0.2.0"
