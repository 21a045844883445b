"""Shelf 2: the API subclass, the error shape, permits and writes, paging and the clock."""
