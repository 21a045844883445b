"""What differs between SpatiaLite and PostGIS, one module each, the same names in both."""
