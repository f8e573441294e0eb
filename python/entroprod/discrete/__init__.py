"""Markov chains, hidden Markov models, and enumeration of whatever has few symbols."""
