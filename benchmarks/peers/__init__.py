"""Search engines, one module each, run in their own processes: `python -m benchmarks.peers NAME`."""
