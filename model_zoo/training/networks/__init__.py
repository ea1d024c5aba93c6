"""Networks that are trained here."""
