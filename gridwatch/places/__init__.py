"""Shelf 4: grids and standard addresses, and which grid a place belongs to."""
