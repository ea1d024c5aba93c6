"""The benchmarks that come with neuroalign, registered like a third party's."""
