"""Names of models, datasets and benchmarks: the registry and the syntax."""
