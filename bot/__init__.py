"""The bot and the command `verbatim`."""

import os

# Set before numpy is imported. The matrices of a question are small: more OpenBLAS threads gain nothing, and
# on busy cores they wait for each other (up to 2 s a question; one thread takes 0.1 s).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
