"""What users of other sync products complain of, as regression tests with names."""
