"""Predictivity by the protocol of Brain-Score, against the values of its own code on majajhong25.

The protocol: ten random splits of the images, 80 % for training, and the mean over splits of the median r over sites.
"""

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit

from neuroalign.metrics import pls_predictivity, reliability, ridge_predictivity

RECORDING = Path(__file__).parents[3] / "shared/data/majajhong25/assy_majajhong25_legacy.nc"
if not RECORDING.exists():
    RECORDING = Path("/work/shared/data/majajhong25/assy_majajhong25_legacy.nc")
pytestmark = pytest.mark.skipif(not RECORDING.exists(), reason="the recording majajhong25 is not here")
