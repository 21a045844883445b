"""Many phones over a bad network against real servers that are killed: nothing is lost, nothing is there twice."""
