"""Compare neural networks with neural recordings, unit by neuron."""
