"""Handovers and grids drawn anew."""
