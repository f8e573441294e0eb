"""What comes in, and how it is refused: arrays, covariances, sequences, randomness, memory."""
