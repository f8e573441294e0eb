"""Benchmarks: every claim of speed is a ratio of two times measured side by side in one run."""
