"""The law of the city: states, clocks, permits and data. Imports the standard library only."""
