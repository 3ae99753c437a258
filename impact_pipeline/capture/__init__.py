"""
Salesforce → raw.*: every version of every record that the mapping needs, as it was seen.

`salesforce/` talks to the org. A cycle (`cycle.py`) reads a window (`windows.py`) of each object (`objects.py`) with a
SELECT (`soql.py`) of the fields that describe lists (`fields.py`), stages the pages as files (`reading.py`,
`staging.py`) and loads them in short transactions (`load.py`, `tables.py`). Cursors are rows of audit.extraction
(`progress.py`). It writes raw.* and audit.extraction, and nothing else.
"""
