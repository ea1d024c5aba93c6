"""Early stopping: the end of training once the validation loss no longer falls."""

from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """State of early stopping.

    Parameters
    ----------
    every : int
        Steps between measurements of the validation loss.
    patience : int
        Number of measurements in a row without a new minimum after which training stops.
    best_loss : float, optional
        Minimum of the loss so far.
    waited : int
        Number of measurements since the minimum.
    """

    every: int
    patience: int
    best_loss: float | None = None
    waited: int = 0

    def update(self, loss: float) -> bool:
        """Count a measurement, and return whether the loss is a new minimum."""
        better = self.best_loss is None or loss < self.best_loss
        if better:
            self.best_loss, self.waited = loss, 0
        else:
            self.waited += 1
        return better

    @property
    def exhausted(self) -> bool:
        """Whether training should stop."""
        return self.waited >= self.patience
