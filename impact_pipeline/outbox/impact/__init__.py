"""impact.com's API as a client sees it; nothing here knows DuckDB or Dagster."""
