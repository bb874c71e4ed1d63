"""Integrators of dz/dτ = field(z, τ) over τ ∈ [0, 1]: how a velocity field becomes a prediction."""

from wmzoo.integrators.adaptive import AdaptiveRungeKutta
from wmzoo.integrators.base import Integrator
from wmzoo.integrators.runge_kutta import ExplicitRungeKutta

__all__ = ["AdaptiveRungeKutta", "ExplicitRungeKutta", "Integrator"]
