"""Shelf 7: looking ahead: what a new holiday notice, a local order or a push would do to dates, before it is done."""
