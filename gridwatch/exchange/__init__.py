"""Shelf 7: import of a customer's files."""
