"""Organs and tissues from HU and uptake alone: no model, no weights."""
