"""Shelf 7: pull, push and receipts, the contract with every phone."""
