"""Policies out of data, for many tasks: pretrain one world model per dynamics, extract a policy per task, report."""
