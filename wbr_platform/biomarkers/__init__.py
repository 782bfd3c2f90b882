"""Whole-body tumour burden, dissemination and host biomarkers."""
