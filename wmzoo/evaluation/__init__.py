"""How good a policy is: episodes, scores of tasks and of sets of tasks."""
