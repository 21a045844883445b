"""Maps, read only: GeoJSON, vector tiles, clusters, heat, and OGC API Features for other people's programs."""
