"""Frozen results that several kinds of machines share, and how they become tables."""
