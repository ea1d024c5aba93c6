"""Import of recordings and landmarks: labels, stimulus tables, joined files, images."""
