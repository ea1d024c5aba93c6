"""Names that a call or a command uses where its user gives none.

A default is a name in a signature and in a help text, both of which must be known without an import of any plug-in.
So the names stand here as constants, and not as a flag of the plug-ins, which a lookup would have to import all of.
"""

#: Benchmark of a score, a comparison and a leaderboard.
DEFAULT_BENCHMARK = "alignment"
#: Dataset with the image that the layers of a network are listed for.
DEFAULT_DATASET = "AM-faces"
