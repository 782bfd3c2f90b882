"""Comparisons with independent references, one table each."""
