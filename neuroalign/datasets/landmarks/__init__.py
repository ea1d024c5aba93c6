"""Landmarks of faces: arrays, files, detection and Procrustes alignment."""
