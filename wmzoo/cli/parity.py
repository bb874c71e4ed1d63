"""`wmzoo parity dynamics=flow …`: is this dynamics as big as the baseline, and what does it cost?

The baseline is dynamics=mlp at the same size; the arguments are those of `wmzoo train`. Exit code 1 if the dynamics'
parameter counts differ by more than the tolerance (dynamics.units=match brings them as near as whole widths can). Costs
are measured here and now: FLOPs of the matrix products, and wall-clock of each update on synthetic data.
"""

from __future__ import annotations

import argparse
import json

from wmzoo.errors import CheckFailed, WmzooError

GROUP = "comparing"
ROW = "parameters: dynamics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as of `wmzoo train`")
    parser.add_argument(
        "--tolerance", type=float, default=0.02, metavar="T", help="allowed relative difference (default: 0.02)"
    )
    parser.add_argument("--json", action="store_true", help="print the table as JSON and nothing else")


def run(args: argparse.Namespace) -> int:
    if not 0 <= args.tolerance < 1:
        raise WmzooError(f"--tolerance is {args.tolerance}; it is a fraction, as 0.02 for two percent")
    from wmzoo.agent.build import MATCH, baseline
    from wmzoo.cli.train import with_plugins
    from wmzoo.compute.device import arithmetic
    from wmzoo.config.composition import compose
    from wmzoo.diagnostics.cost import Contender, compare, difference, how_to_match
    from wmzoo.envs.build import build_env
    from wmzoo.envs.task_sets import task_of
    from wmzoo.reports.bar import Bar
    from wmzoo.trainers.build import settled

    cfg = compose(with_plugins(args.overrides, args.plugin))
    env = build_env(cfg, num_envs=1)
    env.close()
    cfg = settled(cfg, env)
    with arithmetic(cfg), Bar() as bar:
        contender, other = (Contender(one, env.obs_dim, env.act_dim) for one in (cfg, baseline(cfg)))
        rows = compare(contender, other, bar.at)
    found = difference(rows[ROW])
    matched = cfg.dynamics.get("units") == MATCH
    widths = "matched to the baseline's parameters" if matched else "as configured"
    if args.json:
        print(json.dumps({"task": task_of(cfg.env), "dynamics": cfg.dynamics.name, "rows": rows}, indent=2))
    else:
        print(f"{cfg.dynamics.name} against mlp on {task_of(cfg.env)}; widths {widths}")
        print(f"{'':36} {cfg.dynamics.name:>14} {'mlp':>14} {'difference':>11}")
        for name, row in rows.items():
            relative = difference(row)
            shown = "–" if relative is None else f"{100 * relative:+.2f}%"
            digits = 2 if name.startswith("ms") else 0
            print(f"{name:36} {row['contender']:>14,.{digits}f} {row['baseline']:>14,.{digits}f} {shown:>11}")
    if found is None or abs(found) > args.tolerance:
        raise CheckFailed(
            f"the dynamics differ by {100 * (found or 0):+.2f}% in parameters, more than {100 * args.tolerance:g}%; "
            f"{how_to_match(cfg.dynamics)}"
        )
    return 0
