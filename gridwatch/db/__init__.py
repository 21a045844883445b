"""Shelf 1: session, types, geometry helpers and the sync feed hook."""
