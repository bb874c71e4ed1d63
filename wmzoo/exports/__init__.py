"""Parts of an agent as files that run without wmzoo."""
