"""Tests of the lead loop over the API, on both databases."""
