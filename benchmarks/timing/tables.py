"""The tables of docs/performance.md, made from the committed figures."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import marked_tables

from timing.growth import linear_until

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
WHATS = {  # as a row is called
    "model": "model update",
    "actor": "actor update",
    "critic": "critic update",
    "environment": "environment steps of an iteration",
    "iteration": "iteration",
}
VARIANTS = ("mlp bf16", "flow", "flow bf16")
Lines = list[str]


def write_page(results: Path, page: Path = PAGE) -> None:
    """Rewrite the tables of the page for which there are results; SystemExit where a pair of markers is missing."""
    text = page.read_text()
    for name in TABLES:
        file = results / f"{name}.json"
        if not file.exists():
            continue
        facts = json.loads(file.read_text())
        for marker, make in TABLES[name].items():
            text = marked_tables.replace(text, marker, make(facts), page)
    page.write_text(text)


def as_text(name: str, facts: Mapping[str, Any]) -> str:
    """All tables of one kind of results, to be printed."""
    whole = json.loads(json.dumps(facts))  # as it is read again
    return "\n\n".join("\n".join(make(whole)) for make in TABLES[name].values())


def about(facts: Mapping[str, Any]) -> Lines:
    """The machine and the command."""
    own = facts["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in own["versions"].items())
    bf16 = "with" if own["bf16_instructions"] else "without"
    words = (
        f"`{facts['command']}` on {own['cores']} cores of {own['processor']} ({own['vectors']}, {bf16} bf16 "
        f"instructions, {own['cache']} cache, {own['memory_gib']} GiB; load {own['load_at_start']} at the start), "
        f"Python {own['python']}, {versions}. Medians of {facts['turns']} turns; ± is how far the farthest is from it."
    )
    return marked_tables.wrapped(words).split("\n")


def speed(facts: Mapping[str, Any]) -> Lines:
    """The baseline against its floor and against other implementations: a row per size and update."""
    rows = []
    for size, what, found, least in _updates(facts):
        mlp, plain, public = (found.get(who) for who in ("mlp", "transcription", "public code"))
        row = [*_named(size, what), _ms(least["mlp"].get("seconds")), _ms(least["mlp"].get("products"))]
        row += [_cell(mlp), _ratio(mlp, least["mlp"].get("seconds"))]
        row += [_cell(plain), _ratio(plain, mlp and mlp["median"])]
        rows.append([*row, _cell(public), _ratio(public, mlp and mlp["median"])])
    head = ["size", "threads", "ms per", "floor", "products", "mlp", "× floor", "transcription", "× mlp"]
    return _table([*head, "public code", "× mlp"], rows)


def variants(facts: Mapping[str, Any]) -> Lines:
    """The flow, and bf16: each against its own floor and the baseline."""
    rows = []
    for size, what, found, least in _updates(facts):
        row, mlp = _named(size, what), found["mlp"]["median"]
        for who in VARIANTS:
            own, under = found.get(who), least.get(who, {}).get("seconds")
            row += [_ms(under), _cell(own), _ratio(own, under), _ratio(own, mlp)]
        rows.append(row)
    columns = [column for who in VARIANTS for column in ("floor", who, "× floor", "× mlp")]
    return _table(["size", "threads", "ms per", *columns], rows)


def default(facts: Mapping[str, Any]) -> Lines:
    """Every contender with the default recipe, each against its own floor."""
    rows, names = [], list(facts["sizes"][0]["floors"])
    for size, what, found, least in _updates(facts):
        row = _named(size, what)
        for who in names:
            under, own = least.get(who, {}), found.get(who)
            row += [
                _ms(under.get("seconds")),
                _ms(under.get("products")),
                _cell(own),
                _ratio(own, under.get("seconds")),
            ]
        rows.append(row)
    columns = [column for who in names for column in ("floor", "products", who, "× floor")]
    return _table(["size", "threads", "ms per", *columns], rows)


def _updates(facts: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, dict[str, Any], dict[str, Any]]]:
    """Size, update, and by contender its figure and what was counted of it."""
    for size in facts["sizes"]:
        for what in WHATS:
            found = {row["who"]: row for row in size["rows"] if row["what"] == what}
            yield size, what, found, {who: own.get(what, {}) for who, own in size["floors"].items()}


def _named(size: Mapping[str, Any], what: str) -> list[str]:
    return [size["size"], str(size["threads"]), WHATS[what]]


def ceilings(facts: Mapping[str, Any]) -> Lines:
    """A row per shape: GFLOP/s; with the memory's rates below."""
    rows = []
    for size in facts["sizes"]:
        for row in size["ceilings"]:
            shape = f"{row['rows']} × {row['in']} → {row['out']}"
            rates = [
                f"{row[kind]['median']:.0f} ({row[kind]['low']:.0f}–{row[kind]['high']:.0f})"
                for kind in ("fp32", "bf16")
            ]
            rows.append([size["size"], str(size["threads"]), shape, *rates])
    lines = _table(["size", "threads", "rows × in → out", "fp32 GFLOP/s", "bf16 GFLOP/s"], rows)
    for threads, group in groupby(facts["sizes"], key=lambda size: size["threads"]):
        rates = next(group)["memory_gb_per_second"].items()
        text = ", ".join(f"{int(size) // 2**20} MiB {rate:.0f}" for size, rate in rates)
        lines += [
            "",
            f"Copying, GB/s read and written, {threads} thread{'s' * (threads > 1)}, by bytes touched: {text}.",
        ]
    return lines


def surroundings(facts: Mapping[str, Any]) -> Lines:
    """Replay and environments."""
    own = facts["surroundings"]
    drawing, stepping = own["sampling"], own["stepping"]
    batch = f"a batch of {own['batch']} slices of {own['horizon']} steps from {drawing['rows']:,} rows"
    rows = [[batch, who, _cell(figure)] for who, figure in drawing["ways"].items()]
    rows.append([batch, "the bytes alone, at the memory's rate", _ms(drawing["floor"])])
    step = f"a step of {own['num_envs']} environments, {own['env']}"
    rows += [[step, who, _cell(figure)] for who, figure in stepping["ways"].items()]
    return _table(["what", "how", "ms"], rows)


def growth(facts: Mapping[str, Any]) -> Lines:
    """A table per axis; in brackets the slope since the value before, 1 being linear."""
    lines: Lines = []
    for axis, group in groupby(facts["rows"], key=lambda row: row["axis"]):
        rows = list(group)
        names = list(rows[0]["seconds"])
        cells = [
            [str(row["value"]), *(_ms(row["seconds"][name]) + _slope(row["slopes"].get(name)) for name in names)]
            for row in rows
        ]
        lines += [f"### {axis} (`{rows[0]['setting']}`)", ""]
        lines += [*_table([axis, *(f"{WHATS[name]}, ms" for name in names)], cells), ""]
        turning = {WHATS[name]: linear_until(rows, name) for name in names}
        words = ", ".join(f"{name} up to {value}" for name, value in turning.items() if value is not None)
        lines += [f"At most linear: {'everywhere' if not words else f'{words}; the rest everywhere'}.", ""]
    return lines[:-1]


def startup(facts: Mapping[str, Any]) -> Lines:
    """Seconds a user waits."""
    rows = [
        [f"`{name}`", f"{own['median']:.2f} ({own['low']:.2f}–{own['high']:.2f})"]
        for name, own in facts["seconds"].items()
    ]
    return _table(["what", "seconds"], rows)


def seconds_to(facts: Mapping[str, Any]) -> Lines:
    """A row per task and arm: when the median seed reached a return, and when each did."""
    rows = []
    for row in facts["rows"]:
        runs = row["runs"]
        got = sum(run["processor_seconds"] is not None for run in runs)
        apart = statistics.median(run["ran_processor_seconds"] / run["evaluations"] for run in runs)
        cells = [row["task"], row["arm"], f"{got} of {len(runs)}", _median_reached(runs, "processor_seconds")]
        cells += [_median_reached(runs, "wall_seconds"), _median_reached(runs, "agent_steps")]
        cells += [", ".join(_median_reached([run], "processor_seconds") for run in runs)]
        rows.append([*cells, f"{apart:.0f}", f"{max(run['best'] for run in runs):.0f}"])
    head = ["task", "arm", "seeds that reached it", "processor seconds", "wall seconds", "agent steps"]
    head += ["processor seconds by seed", "between evaluations", "best evaluation"]
    return [*marked_tables.wrapped(_where(facts)).split("\n"), "", *_table(head, rows)]


def _median_reached(runs: Sequence[Mapping[str, Any]], what: str) -> str:
    """Of two in the middle the later one; where it is infinite, the fewest seconds that a run had and did not do it."""
    median = statistics.median_high(float("inf") if run[what] is None else run[what] for run in runs)
    if median < float("inf"):
        return f"{median:,.0f}"
    if what != "processor_seconds":
        return "–"
    return f"not within {min(run['ran_processor_seconds'] for run in runs if run[what] is None):,.0f}"


def _where(facts: Mapping[str, Any]) -> str:
    """The command, and the processors of the runs."""
    runs = [run for row in facts["rows"] for run in row["runs"]]
    places = sorted({f"{run['cores']} cores of {run['processor'] or 'an unknown processor'}" for run in runs})
    doubt = " Seconds of different processors are not comparable." if len(places) > 1 else ""
    return f"`{facts['command']}`, runs on {' and on '.join(places)}; return {facts['return']:.0f}.{doubt}"


TABLES = {
    "speed": {
        "machine": about,
        "ceilings": ceilings,
        "speed": speed,
        "variants": variants,
        "surroundings": surroundings,
    },
    "default": {"default": lambda facts: [*about(facts), "", *default(facts)]},
    "growth": {"growth": lambda facts: [*about(facts), "", *growth(facts)]},
    "startup": {"startup": lambda facts: [*about(facts), "", *startup(facts)]},
    "seconds_to": {"seconds_to": seconds_to},
}


def _table(head: list[str], rows: Iterable[list[str]]) -> Lines:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else _digits(1000 * seconds)


def _cell(figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return ""
    median = figure["median"]
    return f"{_ms(median)} ±{max(figure['high'] - median, median - figure['low']) / median:.0%}"


def _ratio(figure: Mapping[str, float] | None, beside: float | None) -> str:
    return "" if figure is None or not beside else f"{figure['median'] / beside:.2f}"


def _slope(slope: float | None) -> str:
    return "" if slope is None else f" ({slope:.2f})"


def _digits(value: float) -> str:
    """Three figures, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
