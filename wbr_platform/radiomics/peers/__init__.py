"""Adapters of other radiomics programs, for comparison; each needs its own package."""
