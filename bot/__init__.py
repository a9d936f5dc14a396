"""The bot and the command `verbatim`."""

import os

# Before numpy is imported. The matrices of a question are small: several threads of OpenBLAS gain nothing,
# and wait for each other where other processes have the cores (up to 2 s a question, with one thread 0.1 s).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
