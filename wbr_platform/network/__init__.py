"""Networks of metabolic interaction between organs."""
