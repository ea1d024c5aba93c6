"""The command ``neuroalign compare``."""

import json
import math
import textwrap
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from neuroalign.comparison import Comparison
    from neuroalign.results.score import Score

# Of running text.
_WIDTH = 100


@click.command(
    epilog="""\b
Examples:
  neuroalign compare beta_vae pca AM-faces
  neuroalign compare "beta_vae[beta=6,seed=0]" "pca[n=50]" AM-faces --stimuli 200
  neuroalign compare ica pca ./my-recordings --benchmark variance_explained --json
"""
)
@click.argument("model_a", metavar="A")
@click.argument("model_b", metavar="B")
@click.argument("dataset")
@click.option(
    "--benchmark",
    "-b",
    default="alignment",
    show_default=True,
    metavar="NAME",
    help='With options if need be: "alignment[n_units=informative]".',
)
@click.option(
    "--statistic",
    default="",
    metavar="NAME",
    help="Which number of the benchmark is compared, such as at_common_d; by default its first.",
)
@click.option(
    "--neurons", default=10_000, show_default=True, metavar="B", help="Draws of neurons; they need no fit."
)
@click.option(
    "--stimuli",
    default=0,
    show_default=True,
    metavar="B",
    help="Draws of stimuli; every instance is fitted to each.",
)
@click.option(
    "--permutations",
    default=0,
    show_default=True,
    metavar="B",
    help="Chance of prediction: B shuffles of the stimuli, which test whether the units predict the neurons, not "
    "whether their axes are special.",
)
@click.option(
    "--margin",
    default=0.05,
    show_default=True,
    help="A mean this near to the ceiling's meets it.",
)
@click.option("--seed", default=0, show_default=True, help="Of draws and shuffles.")
@click.option(
    "--ceiling",
    metavar="FAMILY",
    help="Family whose scores stand for the ceiling, such as neuron_subset: the default for a score itself, and none "
    "for an axis index, whose bound is 1.",
)
@click.option("--no-ceiling", is_flag=True, help="Score no ceiling.")
@click.option(
    "--jobs", "-j", default=1, show_default=True, help="Instances scored at once; -1 for all cores."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def compare(
    model_a: str,
    model_b: str,
    dataset: str,
    benchmark: str,
    statistic: str,
    neurons: int,
    stimuli: int,
    permutations: int,
    margin: float,
    seed: int,
    ceiling: str | None,
    no_ceiling: bool,
    jobs: int,
    as_json: bool,
) -> int:
    """Compare the models A and B on DATASET, in words.

    A and B are families (all their instances count) or single models. Says which scores higher, by how
    much, over what that generalises (instances, neurons, stimuli), and what else could explain it.
    """
    from neuroalign.comparison import compare as run
    from neuroalign.errors import UsageError

    if jobs == 0 or jobs < -1:
        raise UsageError(f"--jobs must be a positive number, or -1 for all cores, not {jobs}")
    result = run(
        model_a,
        model_b,
        dataset,
        benchmark,
        statistic=statistic,
        ceiling=None if no_ceiling else ceiling or "auto",
        margin=margin,
        n_resamples=neurons,
        n_stimulus_resamples=stimuli,
        n_permutations=permutations,
        seed=seed,
        n_jobs=jobs,
    )
    if as_json:
        click.echo(json.dumps(result.to_record(), indent=1, default=str, allow_nan=False))
    else:
        click.echo(screen(result))
    return 0


def screen(result: "Comparison") -> str:
    """Lay a comparison out for one screen."""
    from tabulate import tabulate

    from neuroalign.comparison.wording import describe_difference
    from neuroalign.scoring.cautions import MARK, is_readable

    a, b = result.a, result.b
    kind = "simulated neurons" if result.simulated else "recorded neurons"
    direction = "" if result.statistic.higher_is_better else ", lower is better"
    title = f"{a.model} against {b.model} on {a.dataset} ({kind}), by {a.benchmark}{direction}"
    shown = [("A", a), ("B", b)]
    if result.ceiling and result.ceiling.model not in (a.model, b.model):
        shown.append(("ceiling", result.ceiling))
    # The score has a column of its own, with its error and chance, where another number is compared.
    beside = [] if result.statistic.identifier == "value" else [result.statistic.label]
    scores = tabulate(
        [
            [
                label,
                each.model + ("" if is_readable(each) else f" {MARK}"),
                len(each.instances) or 1,
                *([_number(result.means[label.lower()])] if beside else []),
                _number(each.value),
                _number(each.error),
                each.error_over,
                _number(each.null),
                _chance(each),
            ]
            for label, each in shown
        ],
        headers=["", "model", "n", *beside, "score", "SE", "over", "chance", "p of prediction"],
        disable_numparse=True,
        colalign=["left", "left", *["right"] * (3 + len(beside)), "left", "right", "right"],
    )
    why = list(dict.fromkeys(filter(None, result.why_no_samples.values())))
    unsampled = [*why, "; ".join(why)]
    rows = [
        [
            each.over,
            each.n,
            *(
                ["–", "–", "no sample of instances (see below)" if each.reason in unsampled else each.reason]
                if math.isnan(each.p)
                else [f"{_number(each.ci_low)} to {_number(each.ci_high)}", _p(each.p), each.method]
            ),
        ]
        for each in result.generalisations
    ]
    table = tabulate(
        rows,
        headers=["generalises over", "n", "95 % interval of A − B", "p", "how"],
        disable_numparse=True,
        colalign=["left", "right", "right", "right", "left"],
    )
    label = result.statistic.label
    lines = [
        title,
        "",
        *(
            line
            for name, score in (("a", a), ("b", b))
            for caution in result.cautions[name]
            for line in _wrap(f"caution: {score.model}: {caution}.")
        ),
        *([""] if any(result.cautions.values()) else []),
        *_wrap(result.sentence),
        "",
        scores,
        "",
        f"A − B in {label} = {result.difference:+.3f}",
        "",
        table,
    ]
    for other in result.others:
        lines += ["", *_wrap(f"{describe_difference(other.statistic, other.means, other.test)}.")]
    for reason in why:
        lines += ["", *_wrap(f"{reason}.")]
    if result.meets_ceiling:
        lines += ["", "Does it meet the ceiling?"]
        for label, name in (("a", a.model), ("b", b.model)):
            outcome = result.meets_ceiling.get(label)
            if outcome is not None:
                better = (
                    outcome.difference > 0 if result.statistic.higher_is_better else outcome.difference < 0
                )
                exceeds = "it exceeds it, so that this is no ceiling"
                verdict = exceeds if outcome.verdict == "no" and better else outcome.verdict
                lines += _wrap(f"{name}: {verdict}; {outcome.reason}.", "  ")
    lines += ["", "What else could explain it?"]
    for each in result.confounds or [f"Nothing that is known of {a.benchmark}."]:
        lines += _wrap(each, "  ")
    notes = list(dict.fromkeys(note for score in (a, b) for note in score.notes if not score.instances))
    if notes:
        lines += ["", "Notes"]
    for note in notes:
        lines += _wrap(f"{note}.", "  ")
    return "\n".join(lines)


def _wrap(text: str, indent: str = "") -> list[str]:
    # A p-value stays on one line.
    text = text.replace("p = ", "p\u00a0=\u00a0").replace("p ≤ ", "p\u00a0≤\u00a0")
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)


def _chance(score: "Score") -> str:
    values = [each.provenance.get("permutation_p") for each in (score.instances or (score,))]
    known = [float(each) for each in values if each is not None]
    if not known or len(known) < len(values):
        return "–"
    return _p(known[0]) if len(known) == 1 else f"{_p(max(known))} at most"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"
