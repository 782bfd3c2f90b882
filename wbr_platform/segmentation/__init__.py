"""Organs and lesions: segmenters, thresholds, components, agreement, the region catalogue."""
