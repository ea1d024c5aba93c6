"""Models fitted to training images: principal and independent components, pixels, meshes."""
