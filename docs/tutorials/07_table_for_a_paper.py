"""
A table for a paper
===================

This page goes from stored scores to a table of families with intervals and tests, and to the citations that
belong to it.
"""

from dataclasses import replace

import neuroalign as na
from neuroalign.cli import run
from neuroalign.datasets.selection import select_part

# %%
# Scores first
# ------------
#
# Scores are stored under your neuroalign folder, so that a table only reads them. Here two families are
# scored by two benchmarks on 400 faces and 40 neurons of the stand-in. Independent components with several
# seeds are a sample of models; the sizes of a PCA are not.

faces = na.load_dataset("AM-faces-sim")
neurons = faces.recording["neuroid_id"].values[:40]
part = select_part(faces, {"stimulus_id": faces.stimuli.ids[:400], "neuroid_id": neurons})
dataset = replace(part, identifier="faces-400")
models = ["pca[n=5]", "pca[n=10]", *(f"ica[n=10,seed={seed}]" for seed in range(3))]
for benchmark in ("ridge", "one_to_one[turns=0]"):
    for model in models:
        na.score(model, dataset, benchmark)

# %%
# The table in Python is a data frame. ``letters`` tells which families differ: two families that share a
# letter are not shown to differ over instances and neurons.

board = na.leaderboard(dataset, "ridge")
print(board[["family", "n", "mean", "ci_low", "ci_high", "letters"]].round(3).to_string(index=False))

# %%
# Two models in words
# -------------------
#
# ``compare`` gives the difference with its interval, the samples that it generalises to, and other
# explanations of the difference.

comparison = na.compare("pca[n=10]", "pca[n=5]", dataset, "ridge", ceiling=None)
print(comparison.sentence)
for test in comparison.generalisations:
    print(f"over {test.over}: {test.reason or f'{test.ci_low:.3f} to {test.ci_high:.3f}, p = {test.p:.3f}'}")

# %%
# LaTeX
# -----
#
# In a terminal, ``--format latex`` writes a table with the rules of booktabs; ``markdown``, ``csv`` and
# ``json`` are other formats::
#
#     neuroalign score pca AM-faces -b ridge
#     neuroalign score ica AM-faces -b ridge
#     neuroalign leaderboard AM-faces -b ridge --format latex > table.tex

_ = run(["score", "pca[n=5]", "AM-faces-sim", "-b", "ridge"])
run(["leaderboard", "AM-faces-sim", "-b", "ridge", "--format", "latex"])

# %%
# Citations
# ---------
#
# ``neuroalign cite`` prints BibTeX of everything that a table uses: the program, the benchmarks, the models
# and the recording.

run(["cite", "ridge", "pca", "AM-faces"])

# %%
# State in the caption: the number of instances, neurons and stimuli; the samples that the intervals are over; whether
# neurons are simulated. The LaTeX table has this as its caption. :doc:`/leaderboards` describes the columns
# and the web site (``--html DIR``), and :doc:`/figures` the pictures.
