"""Scores of other laboratories: exporting them, and taking in files that are not trusted."""
