"""Studies: families of models, benchmarks and claims on one dataset, from training to a report."""
