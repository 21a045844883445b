"""Shelf 3: the append-only, hash-chained event log."""
