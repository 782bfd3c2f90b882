"""Whole-body radiomics of PET/CT in oncology: from a PACS export to a cohort's answer."""

__version__ = "0.1.0"
