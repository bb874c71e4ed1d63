"""The command line. Each module here but `main` is a subcommand, found by its file name (`list_` is `list`).

A subcommand has `GROUP`, its heading in `wmzoo --help` (main.py has them), `add_arguments(parser)` and `run(args) ->
int`, the exit code; the first line of its docstring is its help. Its imports are light, because every command imports
all of them: torch and Hydra are imported in `run`. Tab completion goes by the metavars of its arguments: RUN, KEY=VALUE
(_completion.py).
"""
