"""Labelled arrays of recordings, responses and latents.

All three are plain :class:`xarray.DataArray` objects with flat coordinates:

==========  ======================================  ==========================================
array       dimensions                              coordinates
==========  ======================================  ==========================================
recording   presentation, neuroid[, time_bin]       stimulus_id, repetition; neuroid_id,
                                                    region, animal
responses   stimulus, neuroid                       region, animal
latents     stimulus, unit                          informative[, kl][, neuroid]
==========  ======================================  ==========================================

The dimension coordinates of responses and latents are the ids themselves, so stimuli pair by
label and never by position.
"""

from neuroalign.arrays.building import latents as latents
from neuroalign.arrays.building import recording as recording
from neuroalign.arrays.building import responses as responses
from neuroalign.arrays.pairing import Join as Join
from neuroalign.arrays.pairing import align as align
from neuroalign.arrays.trials import average_trials as average_trials
from neuroalign.arrays.trials import trial_cube as trial_cube
from neuroalign.arrays.trials import trial_mean_blocks as trial_mean_blocks
from neuroalign.arrays.trials import trial_means as trial_means
from neuroalign.arrays.validation import validate_latents as validate_latents
from neuroalign.arrays.validation import validate_recording as validate_recording
from neuroalign.arrays.validation import validate_responses as validate_responses
