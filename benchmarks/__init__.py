"""Benchmarks: what the platform costs beside other programs, measured in one run."""
