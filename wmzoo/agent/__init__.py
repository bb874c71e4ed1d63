"""What is trained, saved and evaluated, how it is built from a config and loaded from a bundle."""
