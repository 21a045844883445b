"""Shelf 5: markets that look after themselves 政社共治: stalls, checklists, the manager's rounds, spot checks of them."""
