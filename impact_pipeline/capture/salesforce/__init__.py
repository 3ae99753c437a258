"""The client of Salesforce's REST and Bulk APIs, which knows neither Dagster nor DuckDB, and its Dagster resource."""
