"""Shelf 6: QR tags of addresses: issued, printed, scanned, replaced."""
