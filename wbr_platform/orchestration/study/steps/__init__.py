"""The study steps, one module for each stage of the way from export to page."""
