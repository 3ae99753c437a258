"""
How fast changes are found and answered in a large org, beside one scan and join of the same tables.

    python -m impact_pipeline_tests.benchmarks.conversions [--json] [--new 1000000] [--records 5000000]
                                                           [--lines 3000000] [--history-factor 2]

The org is put into raw.* set-based, in the tables that capture makes, with the shipped configuration. Its first load is
computed by the pipeline, then rounds of edits, until its history is `--history-factor` times as large as the first
load: each with its versions, history rows, changes, decisions, conversions, requests and actions. Every round is
measured, so that the last against the first tells what history costs. The floor is measured before each round: one scan
and join of all current records with the new versions, lines and history rows, every value looked at. Each measured step
is a process of its own, with the threads and the memory limit of the pipeline.
"""
