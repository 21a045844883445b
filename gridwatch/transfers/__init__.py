"""Shelf 7: work that changes hands: handovers from one worker or grid to another, and grids that are drawn anew."""
