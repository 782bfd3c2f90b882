"""Synthetic cases for the benchmarks."""
