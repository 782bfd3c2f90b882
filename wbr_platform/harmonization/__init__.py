"""ComBat as a scikit-learn transformer and its diagnostics."""
