"""The parts of benchmarks/speed.py: what is measured, the floor under it, and the tables of what was found."""
