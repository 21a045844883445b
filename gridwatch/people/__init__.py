"""Shelf 3: users, roles, devices, sign-in, grid duties and leave covers."""
