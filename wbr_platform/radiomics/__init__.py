"""The feature engine and its one table of features."""
