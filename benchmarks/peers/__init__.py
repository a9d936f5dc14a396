"""Search engines to compare, one per module. `python -m benchmarks.peers NAME` runs one as a process."""
