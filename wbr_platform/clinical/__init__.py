"""Clinical tables: reading, checking, row-level errors."""
