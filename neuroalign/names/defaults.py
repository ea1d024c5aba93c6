"""Default names of the benchmark, the dataset and the reducer of a call or a command.

Signatures and help texts show these names, and must not import any plug-in to do so. The names are therefore constants
of this module: a flag of the plug-ins could only be looked up by an import of all plug-ins.
"""

#: Benchmark of a score, a comparison and a leaderboard.
DEFAULT_BENCHMARK = "alignment"
#: Reducer that draws some of a model's units at random, with the options n and seed.
DEFAULT_SUBSET = "subsample"
#: Dataset with the image that the layers of a network are listed for.
DEFAULT_DATASET = "AM-faces"
#: Model with the space of shape and appearance of simulated neurons over photographs.
DEFAULT_FACE_SPACE = "aam[n=50]"
