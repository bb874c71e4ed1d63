"""Latent dynamics: what comes after z under action a."""

from wmzoo.dynamics.base import (
    AverageVelocityDynamics,
    DensityDynamics,
    Dynamics,
    MembersDynamics,
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
    "MembersDynamics",
    "NoiseVelocityDynamics",
    "SphereCoordinates",
    "StochasticDynamics",
    "VelocityDynamics",
]
