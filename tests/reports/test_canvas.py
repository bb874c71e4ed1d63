"""Pictures: the same data make the same bytes, and every arm is told from every other."""

from __future__ import annotations

import numpy as np
from matplotlib import rcParams

from wmzoo.reports.canvas import (
    Picture,
    draw_curve,
    draw_interval,
    finish,
    panels,
    plain_numbers,
    steps_axis,
    styled,
)
from wmzoo.reports.palette import COLOURS
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Curve

X = np.array([0.0, 1000.0, 2000.0])
CURVE = Curve(X, Estimate(X / 2, X / 4, X), 3)


@styled
def drawn() -> Picture:
    figure, (left, right) = panels(1, 2, height=2.0, width=5.0)
    draw_curve(left, CURVE, 0, "mlp")
    draw_interval(right, Estimate(np.array(0.5), np.array(0.25), np.array(1.0)), at=0.0, index=1, label="flow")
    steps_axis(left)
    return finish(figure, "curve", "A caption.", arms=["mlp", "flow"])


def test_the_same_data_make_the_same_bytes_in_both_formats() -> None:
    first, again = drawn(), drawn()
    assert first == again and first.png.startswith(b"\x89PNG") and b"<svg" in first.svg
    assert (first.name, first.caption, first.width) == ("curve", "A caption.", 5.0)


def test_the_style_is_the_report_s_alone() -> None:
    before = dict(rcParams)
    drawn()
    assert dict(rcParams) == before


@styled
def test_arms_differ_in_colour_and_marker_and_go_on_to_differ_when_the_colours_begin_again() -> None:
    _, (axes,) = panels(1, 1, height=2.0)
    for arm in range(2 * len(COLOURS)):
        draw_curve(axes, CURVE, arm, str(arm))
    looks = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in axes.lines]
    assert len(set(looks)) == len(looks)
    assert len({colour for colour, _, _ in looks[: len(COLOURS)]}) == len(COLOURS)
    band = axes.collections[0].get_paths()[0].vertices
    assert {(1000.0, 250.0), (1000.0, 1000.0)} <= {tuple(point) for point in band.tolist()}


def test_single_runs_are_dots_of_the_arm_s_colour_beside_its_mean() -> None:
    _, (axes,) = panels(1, 1, height=2.0)
    draw_curve(axes, Curve(X, CURVE.y, 2, np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])), 1, "flow")
    *dots, mean = axes.lines
    assert [dot.get_ydata().tolist() for dot in dots] == [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]
    assert {line.get_color() for line in axes.lines} == {COLOURS[1]} and mean.get_label() == "flow"
    assert {dot.get_linestyle() for dot in dots} == {"None"}


def test_ticks_between_powers_of_ten_are_plain_numbers() -> None:
    _, (axes,) = panels(1, 1, height=2.0)
    axes.plot([1, 2], [0.2, 0.5])
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)
    axes.figure.canvas.draw()
    labels = {label.get_text() for label in axes.get_yticklabels(minor=True)}
    assert {"0.2", "0.3"} <= labels and not any("10" in label for label in labels)
