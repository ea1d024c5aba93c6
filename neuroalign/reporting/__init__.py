"""Figures, site and text: three outputs of the same tables."""
