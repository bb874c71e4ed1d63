"""Figures that tell why a run goes well or badly."""
