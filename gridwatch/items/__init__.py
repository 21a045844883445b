"""Inspection items: their published versions, the check and the publishing of new ones."""
