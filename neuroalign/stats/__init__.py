"""Statistical tests over scores: pure functions on arrays."""
