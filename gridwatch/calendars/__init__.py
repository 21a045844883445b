"""Shelf 3: working-day calendars as data: official notices by year, versions, provisional years."""
