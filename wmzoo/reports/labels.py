"""Names of points, beside a panel: each on a line of its own, with a thin line to its point."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

SIZE, LINE, LETTER = 7, 0.13, 0.06  # points of the type; inches from one line to the next, and of a letter


def name_points(axes: Axes, names: Sequence[str], x: Sequence[float], y: Sequence[float], height: float) -> None:
    """Names to the right of the axes, in the order of their points from the bottom to the top.

    Args:
        height: of the axes, in inches; it takes one LINE for each name. Limits have to be set before.
    """
    low, high = axes.get_ylim()
    order = sorted(range(len(names)), key=lambda place: (y[place], -x[place]))  # lines that rise cross the least so
    places = spread([(y[place] - low) / (high - low) for place in order], LINE / height)
    for place, at in zip(order, places, strict=True):
        axes.annotate(
            names[place],
            (x[place], y[place]),
            xytext=(1.04, at),
            textcoords="axes fraction",
            fontsize=SIZE,
            verticalalignment="center",
            arrowprops={
                "arrowstyle": "-",
                "color": "0.6",
                "linewidth": 0.6,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Places from 0 to 1, at least `gap` apart if that many fit, else evenly; near those `wanted`, which increase."""
    gap = min(gap, 1 / max(1, len(wanted) - 1))
    places: list[float] = []
    for number, at in enumerate(wanted):
        least = places[-1] + gap if places else 0.0
        places.append(min(max(at, least), 1 - (len(wanted) - 1 - number) * gap))
    return places
