"""
What the comparison of all three sides costs in a large warehouse, when little is new.

    python -m impact_pipeline_tests.benchmarks.reconciliation [--json] [--conversions 1000000] [--new 20]

Conversions with their decisions, requests, moves and actions are put into the tables set-based: half of them first,
then the others. Both times all of it is compared once, then what little is new, then nothing, so that the second
against the first tells what history costs. At the end the command `reconcile` is timed, and the readers' copy.
"""
