"""Speed benchmarks: `make bench`. One module per benchmark, with a function that returns its table."""
