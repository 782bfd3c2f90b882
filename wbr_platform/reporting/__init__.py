"""Study and cohort pages as self-contained HTML."""
