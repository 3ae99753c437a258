"""
How fast capture is, against the fastest way there is to get the same rows into DuckDB.

    python -m impact_pipeline_tests.benchmarks.capture [--json] [--opportunities 100000] [--lines 250000] [--external]
    python -m impact_pipeline_tests.benchmarks.capture --wide [--rows 1000000]

The local Salesforce runs in a process of its own, and so does each measured step: its processor time and its peak
memory are its own. A full load, a cycle in which nothing is new and one in which one per cent is new are measured, and
in turn with the full loads the floor: plain download of the same rows, from Bulk jobs that were finished beforehand,
into files, and DuckDB's own CSV reader from there into typed tables.
"""
