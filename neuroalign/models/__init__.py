"""Models: the interface, loading by name, wrapped objects, latents and their cache."""
