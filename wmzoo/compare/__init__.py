"""Arms against each other: parity before a study, statistics and a report after it."""
