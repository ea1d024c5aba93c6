"""Whole studies: what is compared with what, which claims are tested, and the report of it."""
