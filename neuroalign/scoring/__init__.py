"""Scoring of models: interface of a benchmark, evaluation, level of chance, resampling and cautions."""
