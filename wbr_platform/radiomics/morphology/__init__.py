"""Morphology: mesh, convex hull, axes, densities, spatial autocorrelation."""
