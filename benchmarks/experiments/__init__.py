"""Whether experiments find what is there: equal arms, a planted difference, and a known capacity."""
