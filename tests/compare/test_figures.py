"""Figures whose words can be read."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from synthetic_runs import undrawn, write_run, write_study

from wmzoo.compare.report import Report
from wmzoo.compare.tasks import Settings

QUICK = Settings(repetitions=200)


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 5])
def test_no_text_of_a_figure_overlaps_another(tmp_path: Path, tasks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[Figure, list[tuple[str, Bbox]]] = {}
    sizes: dict[Figure, Bbox] = {}
    draw_figure, draw_text = Figure.draw, Text.draw

    def begin(figure: Figure, renderer: Any) -> None:
        drawn[figure] = []  # of the last time, when all is in its place
        sizes[figure] = figure.bbox.frozen()
        draw_figure(figure, renderer)

    def note(text: Text, renderer: Any, *args: Any, **kwargs: Any) -> None:
        draw_text(text, renderer, *args, **kwargs)
        if text.get_visible() and text.get_text().strip():
            drawn[text.get_figure(root=True)].append((text.get_text(), text.get_window_extent(renderer)))

    monkeypatch.setattr(Figure, "draw", begin)
    monkeypatch.setattr(Text, "draw", note)
    write_study(tmp_path / "runs", seeds=2, tasks=tasks)
    for config in list((tmp_path / "runs").glob("*/flow/seed*/config.yaml")):
        run = config.parent.parent.with_name("heun") / config.parent.name
        write_run(run, dynamics="flow_of_a_long_name", task=config.parts[-4], seed=int(run.name[4:]), returns=[1, 900])
    with undrawn("svg"):  # of the same layout
        Report([tmp_path / "runs"], ["dynamics", "integrator"], "", QUICK).write(tmp_path / "report")
    assert len(drawn) >= 7
    for figure, texts in drawn.items():
        assert len(texts) > 10
        boxes = [(text, box.padded(-0.5)) for text, box in texts]
        assert [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)] == []
        assert [text for text, box in texts if not within(sizes[figure], box)] == []


def within(outer: Bbox, inner: Bbox) -> bool:
    return bool(outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1)
