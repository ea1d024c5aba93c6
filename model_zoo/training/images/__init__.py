"""Training images: sources, draws and translations."""
