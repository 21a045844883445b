"""How fast Gridwatch is, beside the barest way to do the same on the same machine: `make bench`."""
