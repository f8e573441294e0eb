"""Small networks of the architectures that are made and trained here."""

from __future__ import annotations

from typing import Any

ARCHITECTURES = ("gpt2", "llama", "qwen3", "mamba", "mamba2", "rwkv")


def architecture_config(
    architecture: str, vocabulary_size: int, n_layers: int, width: int, context: int
) -> Any:
    """Configuration of transformers for a small network; token 0 begins and ends texts."""
    import transformers

    head_size = 16 if width % 16 == 0 else 8
    attention = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": n_layers,
        "num_attention_heads": width // head_size,
        "num_key_value_heads": width // head_size,
        "head_dim": head_size,
        "max_position_embeddings": context,
    }
    recurrent = {"hidden_size": width, "num_hidden_layers": n_layers, "state_size": 16}
    options: dict[str, dict[str, Any]] = {
        "gpt2": {
            "n_embd": width,
            "n_layer": n_layers,
            "n_head": width // head_size,
            "n_positions": context,
            # The others have none, and a small network has nothing to spare.
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        },
        "llama": attention,
        "qwen3": attention,
        "mamba": recurrent,
        "mamba2": {
            **recurrent,
            "expand": 2,
            "head_dim": head_size,
            "num_heads": 2 * width // head_size,
            "n_groups": 1,
            "chunk_size": 16,
        },
        "rwkv": {
            "hidden_size": width,
            "attention_hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": n_layers,
            "context_length": context,
        },
    }
    return transformers.AutoConfig.for_model(
        architecture,
        vocab_size=vocabulary_size,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        tie_word_embeddings=True,
        **options[architecture],
    )
