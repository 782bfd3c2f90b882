"""Where files and tables live; atomic writes; publication to DuckDB; SQL models."""
