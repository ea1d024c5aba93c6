"""
The paper in one command
========================

A *study* is a file that names families of models, benchmarks and claims. One command scores the families,
tests the claims, and writes a report with figures. neuroalign comes with the study of Higgins et al. (2020).
"""

import tempfile
from pathlib import Path

import neuroalign as na
from neuroalign.cli import run

# %%
# The plan of the whole study, with an estimate of the time. Nothing is computed.

run(["reproduce", "higgins2020", "--dataset", "AM-faces-sim", "--dry-run"])

# %%
# In a terminal, ``neuroalign reproduce higgins2020`` runs it: some hours on two cores. Stop it at any time;
# the same command goes on.
#
# A small study of your own
# -------------------------
#
# This study asks whether independent components predict neurons better than principal components. It has two
# families, one benchmark and one claim. Copy it and change the names.

STUDY = """
name = "components"
title = "Do independent components predict neurons better than principal components?"
source = "a tutorial of neuroalign"
dataset = "tutorial-cells"
grids = ["small"]
variance_explained = "variance_explained"

[families.ICA]
model = "ica"
[families.ICA.grids.small]
options = { n = [8], seed = [0, 1, 2] }

[families.PCA]
model = "pca"
[families.PCA.grids.small]
options = { n = [6, 8] }

[scorings.variance_explained]

[[claims]]
name = "ICA predicts best"
kind = "best"
statement = "Independent components predict the neurons better than principal components."
test = { scoring = "variance_explained", subject = "ICA", margin = 0.05 }
confound = "Both span the same space of pixels, so that a ridge regression would predict equally well."
"""

# %%
# The recording: 30 neurons of the stand-in with 300 faces, as a dataset of its own.

faces = na.load_dataset("AM-faces-sim")
responses = faces.responses[:300, :30]
images = faces.stimuli.select(responses["stimulus"].values).pixels(64)
na.import_dataset(
    "tutorial-cells",
    responses=responses.values,
    axes="stimulus,neuroid",
    images=(255 * images).round().astype("uint8"),
    image_axes="image,height,width",
    image_white=255,
    force=True,
)
folder = Path(tempfile.mkdtemp())
(folder / "components.toml").write_text(STUDY)
run(["reproduce", str(folder / "components.toml"), "--output", str(folder / "report")])

# %%
# The report is one HTML file that opens without a network; its figures lie beside it as SVG and PDF.

print(sorted(path.name for path in (folder / "report").iterdir()))

# %%
# :doc:`/reproduction` describes the verdicts, and lists the results of the study on both stand-ins.
