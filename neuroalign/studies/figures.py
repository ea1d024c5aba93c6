"""The figures of a study: drawn from its scores, each with a caption."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.relation import relate
from neuroalign.studies.study import Study

# Of a file's name, without its number and ending.
_LONGEST = 100

# Beginnings of names with the section, the caption of what comes after, and whether a figure takes the whole width.
_KINDS = (
    ("native_and_recombined", "Scores", "Neurons and mixtures of them{of}", False),
    ("unit_proportion", "Scores", "Correlation ratio and unit proportion", False),
    ("scores", "Scores", "Every instance{of}", False),
    ("neurons", "Scores", "Every neuron{of}", False),
    ("udr", "Scores", "UDR and alignment{of}", False),
    ("units_by_neurons", "Units and neurons", "What each unit explains of each neuron{of}", True),
    ("decoded_faces", "Faces", "Held-out faces, decoded from single neurons", True),
    ("traversals", "Faces", "Units moved one by one{of}", False),
)


@dataclass(frozen=True)
class Picture:
    """A figure that was drawn, or why there is none."""

    name: str
    #: Of the SVG; None where there is none.
    path: Path | None = None
    reason: str = ""

    @property
    def section(self) -> str:
        """Where it belongs in the report."""
        return self._kind[1]

    @property
    def caption(self) -> str:
        """What it shows, in words."""
        beginning, _, caption, _ = self._kind
        of = self.name.removeprefix(beginning).strip("_").replace("linear_recombination", "").strip("_")
        of = of.replace("_", " ").replace("[", " (").replace("]", ")").strip()
        return caption.format(of=f": {of}" if of else "")

    @property
    def is_wide(self) -> bool:
        """Whether it takes the whole width."""
        return self._kind[3]

    @property
    def _kind(self) -> tuple[str, str, str, bool]:
        other = (self.name, "Others", self.name.replace("_", " "), True)
        return next((each for each in _KINDS if self.name.startswith(each[0])), other)


def draw_figures(
    folder: Path, dataset: Dataset, evidence: Evidence, study: Study, store: Any
) -> list[Picture]:
    """Draw what the scores of the instances that were selected support.

    Parameters
    ----------
    folder : Path
        For the figures, each as PDF and SVG.
    dataset : Dataset
    evidence : Evidence
    study : Study
    store : ResultsStore
        With the scores of `evidence`.

    Returns
    -------
    list of Picture
    """
    # Imported here: without the extra ``figures`` the report has none.
    from neuroalign.reporting.figures.gathering import gather_figures
    from neuroalign.reporting.figures.style import save

    shown: dict[Benchmark, set[str]] = {}
    for name in study.shown:
        models = {score.model for scores in evidence.kept.get(name, {}).values() for score in scores}
        if models:
            shown.setdefault(study.scorings[name].benchmark, set()).update(models)
    ceiling = next((family.model for family in study.families.values() if family.is_ceiling), "")
    names = sorted(set().union(*shown.values()))
    drawn = chain(
        _related(study, evidence),
        gather_figures(dataset, benchmarks=shown, models=names, with_udr=False, ceiling=ceiling, store=store),
    )
    pictures = []
    for number, figure in enumerate(drawn, start=1):
        if figure.axes is None:
            pictures.append(Picture(figure.name, reason=figure.reason))
            continue
        plain = re.sub(r"[^A-Za-z0-9_.=-]+", "-", figure.name).strip("-.")[:_LONGEST]
        save(figure.axes, folder / f"{number:02d}_{plain}.pdf")
        pictures.append(Picture(figure.name, save(figure.axes, folder / f"{number:02d}_{plain}.svg")))
    return pictures


def _related(study: Study, evidence: Evidence) -> Iterator[Any]:
    """Draw what claims about UDR test: the same instances, numbers and groups."""
    from neuroalign.reporting.figures.gathering import Gathered
    from neuroalign.reporting.figures.relations import udr_against_alignment

    for claim in study.claims:
        seen: list[Mapping[str, Any]] = []
        for kind, settings in (claim.tested, claim.primary):
            # Colours and the correlation within groups are added to the picture of all instances.
            within = claim.primary[1].get("within", "")
            numbers = {name: value for name, value in settings.items() if name != "within"}
            if kind != "predicts" or numbers in seen:
                continue
            seen.append(numbers)
            read = numbers.get("read", "value")
            name = "_".join(
                ["udr", study.families[numbers["subject"]].model, *([read] if read != "value" else [])]
            )
            try:
                related = relate(evidence, **numbers)
                axes = udr_against_alignment(
                    related.table,
                    related.scores,
                    by=within or None,
                    values=related.values,
                    label="" if read == "value" else read.replace("_", " "),
                )
            except NeuroalignError as error:
                yield Gathered(name, reason=" ".join(str(error).split()))
                continue
            yield Gathered(name, axes=axes)


def in_sections(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Return the pictures that there are, by their sections, wide ones first."""
    found: dict[str, list[Picture]] = {}
    for each in sorted(
        (each for each in pictures if each.path is not None), key=lambda each: not each.is_wide
    ):
        found.setdefault(each.section, []).append(each)
    order = [*dict.fromkeys(each[1] for each in _KINDS), "Others"]
    return {name: found[name] for name in order if name in found}
