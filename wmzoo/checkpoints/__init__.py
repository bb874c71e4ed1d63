"""Bundles on disk: model.safetensors, config.yaml, README.md, and in a run the trainer's state beside them."""
