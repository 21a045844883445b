"""Shelf 3: the area tree, departments and the reach of a subtree."""
