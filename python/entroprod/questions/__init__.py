"""What can be asked of a machine: the public functions. Each asks a pair, and names no class."""
