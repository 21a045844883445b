"""Stories: whole journeys of the product, each readable from top to bottom, on both databases."""
