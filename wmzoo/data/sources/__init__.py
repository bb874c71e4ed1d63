"""What `wmzoo data convert --from` takes: a module each, whose `open_source(names, tasks)` gives a `Source`."""
