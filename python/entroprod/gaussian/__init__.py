"""Linear-Gaussian machines: exact, in linear time."""
