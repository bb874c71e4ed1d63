"""A world model in the place of the environment that it was trained on, as Gymnasium has it."""
