"""Phantoms and whole cohorts with a known truth, written as DICOM exports."""
