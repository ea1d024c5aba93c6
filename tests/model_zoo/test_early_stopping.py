"""Tests of early stopping."""

from neuroalign.model_zoo.training.objectives.early_stopping import EarlyStopping


def follow(losses, *, patience):
    """Return which losses were new minima, the number of measurements until training stopped, and the state."""
    stopping = EarlyStopping(every=10, patience=patience)
    better = []
    for loss in losses:
        better.append(stopping.update(loss))
        if stopping.exhausted:
            break
    return better, len(better), stopping


def test_training_stops_after_a_number_of_measurements_without_a_minimum():
    better, last, stopping = follow([3.0, 2.0, 2.5, 2.1, 1.0], patience=2)
    assert better == [True, True, False, False]
    assert last == 4
    assert (stopping.best_loss, stopping.waited) == (2.0, 2)


def test_new_minimum_restores_patience():
    better, last, stopping = follow([3.0, 3.5, 2.0, 2.5, 1.0, 1.5, 1.5], patience=2)
    assert better == [True, False, True, False, True, False, False]
    assert last == 7
    assert stopping.best_loss == 1.0


def test_equal_loss_is_not_a_minimum():
    assert follow([2.0, 2.0], patience=1)[:2] == ([True, False], 2)


def test_training_goes_on_while_the_loss_falls():
    _, last, stopping = follow([5.0, 4.0, 3.0, 2.0], patience=1)
    assert last == 4
    assert not stopping.exhausted
