"""Arms against each other: parity before a study, statistics and a report after it.

parity.py       what two configs cost, before anything is trained
runs.py, selection.py   run folders -> Run, with its evaluations as arrays; which runs are compared
alignment.py    evaluation curves at equal steps and at equal seconds; what a score is
statistics.py   IQM, probability of improvement, performance profile, …: arrays in, arrays out
bootstrap.py    their intervals, by stratified bootstrap
tasks.py, analysis.py   runs and statistics -> everything the report shows
conclusions.py, method.py, configuration.py, horizons.py   its words, and its figures beside the scores
tables.py, figures.py (drawn on canvas.py), page.py, report.py   the files
"""
