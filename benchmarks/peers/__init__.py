"""Scripts that run other programs, each in an environment of its own."""
