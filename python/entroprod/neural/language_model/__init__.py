"""Causal language models from a folder of transformers, or made on the spot."""
