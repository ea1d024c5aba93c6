"""Scores of models: the interface of a benchmark, evaluation, chance, resampling over neurons."""
