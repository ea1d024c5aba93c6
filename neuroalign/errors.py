"""Errors and warnings that neuroalign raises; each message is one line and names the fix."""


class NeuroalignError(Exception):
    """Base of every error raised on purpose by neuroalign; the work failed (exit code 1)."""

    exit_code = 1


class UsageError(NeuroalignError, ValueError):
    """The call itself was wrong: an unknown name, a bad option, an unusable value (exit code 2)."""

    exit_code = 2


class UnknownNameError(UsageError, LookupError):
    """No model, dataset, benchmark or option has this name."""


class ArrayError(UsageError):
    """An array does not have the shape, labels or values that it must have."""


class StimulusMismatchError(ArrayError):
    """Two arrays that should describe the same stimuli do not."""


class DatasetError(UsageError):
    """A dataset cannot be read, written or used as asked."""


class MissingImagesError(DatasetError):
    """A model needs images, and the dataset has none."""


class MissingLandmarksError(DatasetError):
    """A model needs landmarks, and the dataset has none."""


class ArchiveError(DatasetError):
    """An archive is damaged, or holds members that could do harm when unpacked."""


class ModelError(UsageError):
    """A model cannot be loaded, wrapped or run."""


class NeuroalignWarning(UserWarning):
    """Something worth knowing that did not stop the work."""
