"""Shelf 8: the table of jobs, the tick and the scheduler process."""
