"""Trainers: where experience comes from and in which order PWM's updates follow."""

from wmzoo.trainers.base import Recorder, Trainer

__all__ = ["Recorder", "Trainer"]
