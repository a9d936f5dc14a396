"""Search engines, each in a process of its own: `python -m benchmarks.peers NAME`, a module for each."""
