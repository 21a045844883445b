"""Shelf 4: market entities and the registry events that change them."""
