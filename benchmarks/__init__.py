"""How fast it is, measured: `make bench`. A module for each benchmark, one function that gives its table."""
