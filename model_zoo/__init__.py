"""The models that come with neuroalign, registered like a third party's."""
