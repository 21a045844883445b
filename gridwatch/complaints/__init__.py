"""Shelf 7: what citizens say of a place, by its tag or by other roads, and the desk that takes it in."""
