"""Texture: a matrix and its features for each family, and the ways to aggregate them."""
