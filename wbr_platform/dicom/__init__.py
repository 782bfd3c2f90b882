"""Exports in: inventory, choice of series, checks, pseudonymisation, SUV, SEG and RTSTRUCT."""
