"""Shelf 5: what sends a worker out: first checks, visits, dispatch and the hand-triage queue."""
