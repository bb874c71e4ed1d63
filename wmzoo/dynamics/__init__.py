"""Latent dynamics: what comes after z under action a."""

from wmzoo.dynamics.base import (
    AverageVelocityDynamics,
    DensityDynamics,
    Dynamics,
    NoiseVelocityDynamics,
    StochasticDynamics,
    VelocityDynamics,
)
from wmzoo.dynamics.coordinates import Coordinates, LatentCoordinates, LogitCoordinates, SphereCoordinates

__all__ = [
    "AverageVelocityDynamics",
    "Coordinates",
    "DensityDynamics",
    "Dynamics",
    "LatentCoordinates",
    "LogitCoordinates",
    "NoiseVelocityDynamics",
    "SphereCoordinates",
    "StochasticDynamics",
    "VelocityDynamics",
]
