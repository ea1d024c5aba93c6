"""VGG-Face: its weights and its model."""
