"""Arms against each other: a report after a study, at equal steps and at equal seconds.

runs.py, diagnosed.py, selection.py   run folders -> Run, with its evaluations as arrays; which runs are compared
tasks.py, analysis.py   runs and statistics/ -> everything the report shows
conclusions.py, method.py, configuration.py, horizons.py   its words, and its figures beside the scores
tables.py, figures.py, report.py   what reports/ makes pages and files of
"""
