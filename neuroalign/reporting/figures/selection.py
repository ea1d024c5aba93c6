"""Selection of the models and instances that figures show."""

from collections.abc import Callable, Collection, Mapping, Sequence

from neuroalign.comparison.score_groups import ScoreGroup
from neuroalign.errors import unknown_name
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark


def keep_models(groups: Sequence[ScoreGroup], models: Sequence[str]) -> None:
    """Remove all other models from the groups, and instances that are in their family, too.

    Parameters
    ----------
    groups : sequence of ScoreGroup
    models : sequence of str
        Families and instances; an empty sequence keeps all of them.

    Raises
    ------
    UnknownNameError
        If a model is not among the scored ones.
    """
    families = {family for group in groups for family in group.families}
    instances = {
        score.model for group in groups for scores in group.families.values() for score in scores.values()
    }
    for model in models:
        if model not in families | instances:
            # Instances can be hundreds: the message lists them only if the name looks like an instance.
            raise unknown_name("scored model", model, families | instances if "[" in model else families)
    for group in groups:
        in_families = group.instances()

        def is_kept(family: str, score: Score, in_families: set[str] = in_families) -> bool:
            is_named = family in models or score.model in models or not models
            return is_named and not (family == score.model and score.model in in_families)

        _keep(group, is_kept)


def keep_named(groups: Sequence[ScoreGroup], named: Mapping[Benchmark, Collection[str]]) -> None:
    """Remove from each group the instances that are not named for its benchmark.

    Parameters
    ----------
    groups : sequence of ScoreGroup
    named : mapping of Benchmark to collection of str
        Names of instances by benchmark.
    """
    for group in groups:
        names = {
            name
            for benchmark, instances in named.items()
            if (benchmark.identifier, benchmark.options()) == (group.benchmark, group.options)
            for name in instances
        }

        def is_kept(family: str, score: Score, names: set[str] = names) -> bool:
            return score.model in names

        _keep(group, is_kept)


def _keep(group: ScoreGroup, is_kept: Callable[[str, Score], bool]) -> None:
    """Remove scores from a group, and families without a score."""
    for family, scores in list(group.families.items()):
        kept = {key: score for key, score in scores.items() if is_kept(family, score)}
        if kept:
            group.families[family] = kept
        else:
            del group.families[family]
