"""
Your own recordings, from MATLAB and NWB
========================================

Your recordings become a dataset by one command or one call. This page makes up two small files, imports them,
and reads the notes about them.
"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

import neuroalign as na

folder = Path(tempfile.mkdtemp())
rng = np.random.default_rng(0)

# %%
# Responses in a MATLAB file
# --------------------------
#
# The file has an array of spike counts: 12 neurons, 60 images, 4 repetitions. The images are in a folder, and
# their names give the order of the stimulus axis.

drive = rng.gamma(2.0, 2.0, size=(12, 60, 1))
savemat(folder / "cells.mat", {"counts": rng.poisson(drive, size=(12, 60, 4)), "rig": "left"})
(folder / "images").mkdir()
for index in range(60):
    pixels = rng.integers(0, 256, (32, 32), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "images" / f"scene{index:02d}.png")

# %%
# ``axes`` names the axes of the array, in their order. neuroalign guesses neither the axes nor the order of
# the stimuli, and its notes say where each decision comes from. In a terminal the same import is ``neuroalign
# data add my-cells --responses cells.mat --axes neuroid,stimulus,repetition --images images/``.

dataset = na.import_dataset(
    "my-cells",
    responses=folder / "cells.mat",
    axes="neuroid,stimulus,repetition",
    images=folder / "images",
    region="V4",
    animal="Tito",
    force=True,
)
print(dataset)
print(*dataset.metadata["notes"], sep="\n")

# %%
# The recording is an array with labels. A presentation is one repetition of one stimulus.

print(dataset.recording)

# %%
# Check it before you score it: ``neuroalign data validate`` counts trials, looks for copies among the images,
# and estimates how reliable the neurons are.

from neuroalign.cli import run

run(["data", "validate", "my-cells"])

# %%
# From now on the name works everywhere. The images here are noise, so that no model predicts the neurons.

print(na.score("pca[n=5]", "my-cells", "ridge"))
print(na.score("pca[n=5]", "my-cells[neuroid_id=my-cells-00]", "ridge"))

# %%
# Mistakes are answered in one line that says the remedy:

try:
    na.import_dataset(
        "wrong", responses=folder / "cells.mat", axes="stimulus,neuroid,repetition", images=folder / "images"
    )
except na.NeuroalignError as error:
    print(error)

# %%
# Spikes in an NWB file
# ---------------------
#
# An NWB file has the spike times of each unit and a table of presentations. neuroalign counts the spikes of
# each presentation in a window after its onset. Here we write such a file with three units and 20 images that
# are shown three times each.

import datetime

import pynwb

session = pynwb.NWBFile("made-up session", "session-1", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
session.subject = pynwb.file.Subject(subject_id="Tito", species="Macaca mulatta", sex="M", age="P5Y")
session.add_unit_column("quality", "label of the spike sorter")
onsets = 1.0 + np.arange(60)
shown = np.tile(np.arange(20), 3)
for _ in range(3):
    rates = 5.0 + 10.0 * rng.uniform(size=20)
    spikes = [
        onset + rng.uniform(0.0, 0.3, rng.poisson(rates[image]))
        for onset, image in zip(onsets, shown, strict=True)
    ]
    session.add_unit(spike_times=np.sort(np.concatenate(spikes)), quality="good")
session.add_trial_column("image", "number of the image")
for onset, image in zip(onsets, shown, strict=True):
    session.add_trial(start_time=onset, stop_time=onset + 0.3, image=int(image))
with pynwb.NWBHDF5IO(folder / "session.nwb", "w") as file:
    file.write(session)

# %%
# In a terminal: ``neuroalign data add my-session --responses session.nwb --label image --window 50,250
# --quality good``.

recorded = na.import_dataset(
    "my-session",
    responses=folder / "session.nwb",
    label="image",
    window=(50, 250),
    quality="good",
    force=True,
)
print(recorded)
print(recorded.trials.shape)

# %%
# The images of this session are not in the file, so that networks cannot be scored on it. Add them by
# ``images=``, or score other neurons as the model: ``neuroalign score neurons:other-session my-session``.
#
# :doc:`/recordings` has all formats and options; :doc:`/tables_and_matlab` reads cells, structures and
# tables, and :doc:`/spike_times` Kilosort and NWB. :doc:`/public_recordings` lists recordings to begin with.
