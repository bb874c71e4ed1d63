"""The contract checks of each kind: plain functions that raise AssertionError with words.

Every module has `suite(name)`, all the checks of one entry of its kind: tests/registry runs it over the built-in
entries, `wmzoo check FILE` over a user's.
"""
