"""Latent dynamics: what comes after z under action a."""

from wmzoo.dynamics.base import AverageVelocityDynamics, Dynamics, VelocityDynamics
from wmzoo.dynamics.coordinates import Coordinates, LatentCoordinates, LogitCoordinates, SphereCoordinates

__all__ = [
    "AverageVelocityDynamics",
    "Coordinates",
    "Dynamics",
    "LatentCoordinates",
    "LogitCoordinates",
    "SphereCoordinates",
    "VelocityDynamics",
]
