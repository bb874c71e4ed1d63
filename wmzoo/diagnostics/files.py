"""The files of `wmzoo diagnose`: diagnostics.json, a CSV file per table, and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from wmzoo.diagnostics import accuracy_files
from wmzoo.reports.canvas import panels, plain_numbers, save, styled
from wmzoo.reports.words import counted
from wmzoo.storage.files import write_json
from wmzoo.storage.rows import plain, write_csv

Figures = Mapping[str, Any]
BY_STEP = ("step", "energy_score", "sample_error")  # of `forecast`, and what it has by level
BY_LEVEL = ("level", "coverage_first", "coverage_last")


def write_diagnostics(folder: Path, figures: Figures, title: str) -> list[Path]:
    """Write everything into `folder`, which is made, what is not finite as null; gives the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = _with_nulls(figures)
    write_json(folder / "diagnostics.json", shown)
    write_csv(by_horizon(shown), folder / "by_horizon.csv")
    write_csv(_rows(shown["open_loop"]), folder / "open_loop.csv")
    if accuracy := shown.get("gradient_accuracy"):
        write_csv(accuracy_files.rows(shown["horizons"], accuracy), folder / "gradient_accuracy.csv")
    if "flow_paths" in shown:
        write_csv(shown["flow_paths"]["integration"], folder / "integration.csv")
    if "forecast" in shown:
        write_csv(_rows({name: shown["forecast"][name] for name in BY_STEP}), folder / "forecast.csv")
        write_csv(_rows({name: shown["forecast"][name] for name in BY_LEVEL}), folder / "calibration.csv")
    return _draw(folder, figures, title)


def _with_nulls(node: Any) -> Any:
    """A constant reward, for one, leaves R² without a value."""
    if isinstance(node, Mapping):
        return {key: _with_nulls(value) for key, value in node.items()}
    return [_with_nulls(value) for value in node] if isinstance(node, list) else plain(node)


def by_horizon(figures: Figures) -> list[dict[str, Any]]:
    """A row per horizon; without the columns of gradients for a world model alone."""
    columns = {"horizon": figures["horizons"]}
    if "esnr" in figures:
        columns |= {f"esnr_{name}" if name != "value" else "esnr": values for name, values in figures["esnr"].items()}
        columns |= {name: figures[name] for name in ("gradient_variance", "relative_deviation", "cosine", "nonfinite")}
    columns |= {f"jacobian_{name}": values for name, values in figures["jacobian"].items()}
    return _rows(columns)


def table(figures: Figures) -> str:
    """The short table for the terminal."""
    lines = _with_gradients(figures) if "esnr" in figures else _without_gradients(figures)
    if accuracy := figures.get("gradient_accuracy"):
        lines += accuracy_files.lines(figures["horizons"], accuracy)
    loop = figures["open_loop"]
    last = loop["step"][-1]
    lines.append(
        f"open loop: latent error {loop['latent_error'][0]:.3g} after 1 step, {loop['latent_error'][-1]:.3g} after "
        f"{last} (1: no better than no change); return error {loop['return_error'][-1]:.3g} standard deviations"
    )
    if paths := figures.get("flow_paths"):
        lines.append(
            f"paths: straightness {paths['straightness']:.3g} (0: straight), curvature {paths['curvature']:.3g}"
        )
    if forecast := figures.get("forecast"):
        middle = forecast["level"].index(0.5)
        lines.append(
            f"samples: energy score {forecast['energy_score'][0]:.3g} after 1 step, {forecast['energy_score'][-1]:.3g} "
            f"after {last} (1: no change); of the true entries {100 * forecast['coverage_first'][middle]:.0f}% and "
            f"{100 * forecast['coverage_last'][middle]:.0f}% lie in the middle half of the samples"
        )
    return "\n".join(lines)


def _with_gradients(figures: Figures) -> list[str]:
    lines = [f"{'H':>4} {'ESNR':>10} {'95% interval':>22} {'dB':>7} {'cosine':>7} {'Jacobian':>9} {'not finite':>10}"]
    for row in by_horizon(figures):
        interval = f"[{row['esnr_low']:.3g}, {row['esnr_high']:.3g}]"
        power = "–" if row["esnr_decibels"] is None else f"{row['esnr_decibels']:.1f}"
        lines.append(
            f"{row['horizon']:>4} {row['esnr']:>10.3g} {interval:>22} {power:>7} {row['cosine']:>7.3f} "
            f"{row['jacobian_mean']:>9.3g} {row['nonfinite']:>10}"
        )
    return lines


def _without_gradients(figures: Figures) -> list[str]:
    why = f"no policy gradients: the checkpoint lacks a policy or its critics; actions: {figures['actions']}"
    rows = [f"{row['horizon']:>4} {row['jacobian_mean']:>9.3g}" for row in by_horizon(figures)]
    return [why, f"{'H':>4} {'Jacobian':>9}", *rows]


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@styled
def _draw(folder: Path, figures: Figures, title: str) -> list[Path]:
    horizons, esnr, loop = figures["horizons"], figures.get("esnr"), figures["open_loop"]
    drawn: list[Path] = []

    def picture(name: str, count: int = 1) -> tuple[Figure, list[Axes]]:
        figure, axes = panels(1, count, 3.4, width=4.6 * count)
        figure.suptitle(title, fontsize=10)
        drawn.append(folder / f"{name}.png")
        return figure, axes

    figure, axes = picture("gradients", 3) if esnr else picture("jacobian")
    if esnr:
        _draw_esnr(axes[0], horizons, esnr)
        axes[1].plot(horizons, figures["gradient_variance"], "o-")
        axes[1].set(ylabel="total gradient variance", yscale="log")
        plain_numbers(axes[1].yaxis)
    axes[-1].plot(horizons, figures["jacobian"]["mean"], "o-", label="mean")
    axes[-1].plot(horizons, figures["jacobian"]["p95"], "s--", label="95th percentile")
    axes[-1].set(ylabel="Jacobian norm ‖∂z_H/∂z_0‖", yscale="log")
    for set_formatter in (axes[-1].yaxis.set_major_formatter, axes[-1].yaxis.set_minor_formatter):
        set_formatter(ScalarFormatter())
    axes[-1].legend(frameon=False)
    _horizons_axis(axes, horizons)
    save(figure, drawn[-1])

    accuracy = figures.get("gradient_accuracy", {})
    if any(accuracy.get("starts", ())):
        figure, axes = picture("gradient_accuracy", 3)
        accuracy_files.draw(axes, horizons, accuracy)
        _horizons_axis(axes, horizons)
        save(figure, drawn[-1])

    figure, axes = picture("open_loop", 3)
    for one, name, label in zip(
        axes,
        ("latent_error", "reward_r2", "return_error"),
        ("latent error (1: no change)", "R² of the reward", "return error (std)"),
        strict=True,
    ):
        one.plot(loop["step"], loop[name], "o-", markersize=3)
        one.set(xlabel="steps predicted", ylabel=label)
    save(figure, drawn[-1])

    if paths := figures.get("flow_paths"):
        figure, axes = picture("integration")
        for name in dict.fromkeys(row["integrator"] for row in paths["integration"]):
            rows = [row for row in paths["integration"] if row["integrator"] == name]
            axes[0].plot([row["nfe"] for row in rows], [row["error"] for row in rows], "o-", label=name)
        axes[0].set(xlabel="evaluations of the field", ylabel="integration error", xscale="log", yscale="log")
        for axis in (axes[0].xaxis, axes[0].yaxis):
            plain_numbers(axis)
        axes[0].legend(frameon=False)
        save(figure, drawn[-1])
    if forecast := figures.get("forecast"):
        figure, axes = picture("forecast", 2)
        for name, label in (("energy_score", "energy score"), ("sample_error", "latent error of a sample")):
            axes[0].plot(forecast["step"], forecast[name], "o-", markersize=3, label=label)
        axes[0].set(xlabel="steps predicted", ylabel="relative to no change")
        axes[1].plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        for name, label in (("coverage_first", "1 step"), ("coverage_last", f"{forecast['step'][-1]} steps")):
            axes[1].plot(forecast["level"], forecast[name], "o-", label=label)
        axes[1].set(xlabel="middle share of the samples", ylabel="share of the true entries in it")
        for one in axes:
            one.legend(frameon=False)
        save(figure, drawn[-1])
    return drawn


def _draw_esnr(axes: Axes, horizons: Sequence[int], esnr: Figures) -> None:
    """On a logarithmic axis, as reports have it; an interval that reaches 0 goes down to the edge."""
    axes.plot(horizons, esnr["value"], "o-")
    axes.set_yscale("log", nonpositive="mask")
    edge = axes.get_ylim()[0]
    axes.fill_between(horizons, *(np.maximum(esnr[end], edge) for end in ("low", "high")), alpha=0.25, linewidth=0)
    axes.set_ylim(bottom=edge)
    plain_numbers(axes.yaxis)
    missing = int((np.array(esnr["value"]) <= 0).sum())
    words = f"\n(not drawn: {counted(missing, 'value')} of 0 or less)" * bool(missing)
    axes.set(ylabel=f"ESNR of the policy gradient{words}")


def _horizons_axis(every: Sequence[Axes], horizons: Sequence[int]) -> None:
    for axes in every:
        axes.set(xlabel="horizon H", xscale="log", xticks=horizons)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())
