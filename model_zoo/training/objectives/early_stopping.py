"""When to stop training before the last step: once the loss on other images falls no more."""

from dataclasses import dataclass


@dataclass
class EarlyStopping:
    """Watches the loss on a validation set.

    Parameters
    ----------
    every : int
        Steps between measurements.
    patience : int
        How many measurements in a row may bring no new minimum; then training stops.
    best_loss : float, optional
        The least loss so far.
    best_step : int
        When it was measured: after this step the weights were best.
    waited : int
        Measurements since then.
    """

    every: int
    patience: int
    best_loss: float | None = None
    best_step: int = 0
    waited: int = 0

    def update(self, step: int, loss: float) -> bool:
        """Take note of a measurement, and say whether the loss was never so low."""
        better = self.best_loss is None or loss < self.best_loss
        if better:
            self.best_loss, self.best_step, self.waited = loss, step, 0
        else:
            self.waited += 1
        return better

    @property
    def exhausted(self) -> bool:
        """Whether training should stop."""
        return self.waited >= self.patience
