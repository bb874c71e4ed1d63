"""The contract checks of each kind: plain functions that raise AssertionError with words."""
