"""Administrative inspections 行政检查: visits of licensed officers, kept apart from those of grid workers."""
