"""Shelf 6: the lead loop: report, triage, push, intervention, feedback, verification, history."""
