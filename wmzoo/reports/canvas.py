"""What every picture is drawn with: panels, curves with bands, intervals; and how it is saved.

Colours are Okabe and Ito's, and every arm has a marker of its own besides.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import EngFormatter, LogFormatter, MaxNLocator
from PIL import Image

from wmzoo.reports.palette import COLOURS, MARKERS
from wmzoo.statistics.bootstrap import Estimate
from wmzoo.statistics.curves import Curve
from wmzoo.storage.files import write_bytes

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "svg.hashsalt": "wmzoo",  # with no date inside, the same data give the same bytes
    "svg.fonttype": "path",
    "text.parse_math": False,  # a task may be called $x$, or $\frac{
}
WIDTH = 10.4  # inches of a full row
FEWEST_POINTS = 3  # of a curve that is drawn; two are a table
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its file name without ending, the words under it, and both formats."""

    name: str
    caption: str
    png: bytes
    svg: bytes
    width: float  # inches


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draws in the report's style, and leaves matplotlib's own settings as they were."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return inside


def panels(
    rows: int, columns: int, height: float, width: float = WIDTH, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """An empty figure and its axes, row by row. Inches."""
    figure = Figure(figsize=(width, height), dpi=130, layout=ConstrainedLayoutEngine(wspace=0.06, hspace=0.08))
    FigureCanvasAgg(figure)
    found: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, sharey=sharey).flat)
    for axes in found:
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, found


def draw_curve(axes: Axes, curve: Curve, index: int, label: str) -> None:
    """A line with its band, in the colour and with the marker of arm number `index`; single runs are dots."""
    if curve.each is not None:
        axes.plot(curve.x, curve.each, ".", color=COLOURS[index % len(COLOURS)], markersize=4, alpha=0.6, zorder=1.5)
    axes.plot(
        curve.x,
        curve.y.value,
        color=COLOURS[index % len(COLOURS)],
        marker=_marker(index),
        markevery=max(1, curve.x.size // 8),
        markersize=4.5,
        linewidth=1.7,
        linestyle="-" if index < len(COLOURS) else "--",
        label=label,
    )
    axes.fill_between(curve.x, curve.y.low, curve.y.high, color=COLOURS[index % len(COLOURS)], alpha=0.18, linewidth=0)


def draw_points(axes: Axes, x: Sequence[float], y: Sequence[float], index: int, label: str) -> None:
    """Hollow markers in the colour of number `index`."""
    axes.plot(
        x,
        y,
        color=COLOURS[index % len(COLOURS)],
        marker=_marker(index),
        markersize=6,
        linestyle="none",
        markerfacecolor="none",
        markeredgewidth=1.4,
        label=label,
    )


def draw_interval(
    axes: Axes, estimate: Estimate, at: float, index: int, hollow: bool = False, label: str | None = None
) -> None:
    """A horizontal interval at height `at`, with a marker at its value."""
    colour = COLOURS[index % len(COLOURS)]
    if estimate.has_interval:
        axes.plot(
            [float(estimate.low), float(estimate.high)], [at, at], color=colour, linewidth=2.2, solid_capstyle="butt"
        )
    axes.plot(
        [float(estimate.value)],
        [at],
        color=colour,
        marker=_marker(index),
        markersize=6,
        linestyle="none",
        markerfacecolor="white" if hollow else colour,
        markeredgewidth=1.4,
        label=label,
        clip_on=False,  # a probability of 0 or 1 lies on the edge
    )


def _marker(index: int) -> str:
    """Another one when the colours begin again."""
    return MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


def steps_axis(axes: Axes) -> None:
    """Steps, iterations or seconds from 0 on, in thousands and millions."""
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(left=0)


def plain_numbers(axis: Axis) -> None:
    """Numbers along a logarithmic axis, which matplotlib would write as formulas."""
    axis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.set_minor_formatter(_PlainWhereThereIsRoom())


class _PlainWhereThereIsRoom(LogFormatter):
    """Which ticks between the powers of ten are labelled is matplotlib's choice."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def save(figure: Figure, out: Path) -> None:
    """The figure as a PNG, written in one step into a folder that is made if need be."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, _png(figure))


def _png(figure: Figure) -> bytes:
    """In as many colours as curves, bands and their edges need: a third of the bytes."""
    drawn, picture = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    few = Image.open(drawn).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(picture, "png", optimize=True)
    return picture.getvalue()


def finish(figure: Figure, name: str, caption: str, arms: Sequence[str] = ()) -> Picture:
    """Both formats of the figure, with one legend of `arms` above all panels."""
    if arms:
        _legend(figure, arms)
    png, svg = _png(figure), io.BytesIO()
    figure.set_layout_engine("none")  # it is laid out now, and keeps that
    figure.savefig(svg, format="svg", metadata={"Date": None})
    return Picture(name, caption, png, svg.getvalue(), figure.get_figwidth())


def _legend(figure: Figure, arms: Sequence[str]) -> None:
    """In the arms' order, with as many beside each other as fit; the figure grows by its further rows."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    order = sorted(handles, key=lambda label: arms.index(label if label in arms else label.rpartition(" (")[0]))
    columns = max(1, min(len(order), int(figure.get_figwidth() * 11 // (max(map(len, order), default=1) + 8))))
    figure.set_figheight(figure.get_figheight() + 0.18 * (-(-len(order) // columns) - 1))
    figure.legend(
        handles=[handles[label] for label in order],
        labels=order,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
    )
