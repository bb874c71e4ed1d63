"""Latent dynamics: what comes after z under action a."""

from wmzoo.dynamics.base import Dynamics, VelocityDynamics
from wmzoo.dynamics.coordinates import Coordinates, LatentCoordinates, LogitCoordinates

__all__ = ["Coordinates", "Dynamics", "LatentCoordinates", "LogitCoordinates", "VelocityDynamics"]
