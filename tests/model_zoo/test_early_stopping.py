"""Early stopping: what counts as better, and when patience is at an end."""

from neuroalign.model_zoo.training.objectives.early_stopping import EarlyStopping


def follow(losses, *, patience):
    """Return what was better, and after which measurement training stopped."""
    stopping = EarlyStopping(every=10, patience=patience)
    better = []
    for number, loss in enumerate(losses, start=1):
        better.append(stopping.update(10 * number, loss))
        if stopping.exhausted:
            break
    return better, number, stopping


def test_stops_when_patience_is_at_an_end():
    better, last, stopping = follow([3.0, 2.0, 2.5, 2.1, 1.0], patience=2)
    assert better == [True, True, False, False]
    assert last == 4
    assert (stopping.best_loss, stopping.best_step) == (2.0, 20)


def test_a_new_minimum_restores_patience():
    better, last, stopping = follow([3.0, 3.5, 2.0, 2.5, 1.0, 1.5, 1.5], patience=2)
    assert better == [True, False, True, False, True, False, False]
    assert last == 7
    assert stopping.best_step == 50


def test_an_equal_loss_is_not_better():
    assert follow([2.0, 2.0], patience=1)[:2] == ([True, False], 2)


def test_does_not_stop_while_the_loss_falls():
    _, last, stopping = follow([5.0, 4.0, 3.0, 2.0], patience=1)
    assert last == 4
    assert not stopping.exhausted
