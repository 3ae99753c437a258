"""The DuckDB file: one writer at a time, short holds, many readers of a published copy."""
