"""Readers of file formats, one module for each format, and the parts that they share."""
