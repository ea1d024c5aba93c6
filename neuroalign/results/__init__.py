"""Scores and their records: the store, labels, cautions, exchange."""
