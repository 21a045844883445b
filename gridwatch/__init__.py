"""Gridwatch: field inspection for street offices, from the task on the phone to the closed case."""
