"""The reacher with an arm of three links; tasks, target and rewards are the suite's."""

from __future__ import annotations

from functools import partial
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from dm_control.suite import common
from dm_control.suite.reacher import Physics, Reacher

from wmzoo.envs.dmc_custom.domain import CustomDomain

_SPACING = ".09 0 0"  # metres from each joint to the next, and to the finger
_LIMITED = {"limited": "true", "range": "-80 80"}  # degrees
# Body, its joint, the joint's limits, the capsule's length.
_LINKS: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("arm0", "shoulder0", {}, ".09"),
    ("arm1", "shoulder1", _LIMITED, ".09"),
    ("hand", "wrist", _LIMITED, ".10"),
)


def model() -> str:
    """The suite's model with another arm; damping, gear, time step and the rest are its own."""
    root = ElementTree.fromstring(common.read_model("reacher.xml"))
    world, motors = root.find("worldbody"), root.find("actuator")
    arm, finger = root.find(".//body[@name='arm']"), root.find(".//body[@name='finger']")
    assert isinstance(world, Element) and isinstance(motors, Element)
    assert isinstance(arm, Element) and isinstance(finger, Element)
    world.remove(arm)
    motors.clear()
    parent, place = world, arm.attrib["pos"]
    for name, joint, limits, length in _LINKS:
        body = SubElement(parent, "body", name=name, pos=place)
        SubElement(body, "geom", name=name, type="capsule", fromto=f"0 0 0 {length} 0 0", size=".01", material="self")
        SubElement(body, "joint", limits, name=joint)
        SubElement(motors, "motor", name=joint, joint=joint)
        parent, place = body, _SPACING
    finger.set("pos", place)
    parent.append(finger)
    return ElementTree.tostring(root, encoding="unicode")


DOMAIN = CustomDomain(
    physics=lambda: Physics.from_xml_string(model(), common.ASSETS),
    tasks={"three_easy": partial(Reacher, 0.05), "three_hard": partial(Reacher, 0.015)},  # radius of the target, m
    time_limit=20,
)
