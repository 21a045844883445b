"""Shelf 4: what people are told: written once, kept, delivered."""
