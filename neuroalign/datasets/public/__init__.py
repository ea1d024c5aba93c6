"""Public recordings: list of their files, download with checks, and import."""
