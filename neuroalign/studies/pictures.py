"""The figures of a study: drawn from its scores, each with a caption."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroalign.datasets.dataset import Dataset
from neuroalign.studies.evidence import Evidence
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
    from neuroalign.report.gathering import gather_figures
    from neuroalign.report.style import save

    names = {each.model for of in evidence.kept.values() for scores in of.values() for each in scores}
    wanted: Any = [study.scorings[name].benchmark for name in study.shown if name in evidence.kept]
    ceiling = next((each.model for each in study.families.values() if each.is_ceiling), "")
    pictures = []
    drawn = gather_figures(dataset, benchmarks=wanted, models=sorted(names), ceiling=ceiling, store=store)
    for number, each in enumerate(drawn, start=1):
        if each.axes is None:
            pictures.append(Picture(each.name, reason=each.reason))
            continue
        plain = re.sub(r"[^A-Za-z0-9_.=-]+", "-", each.name).strip("-.")[:_LONGEST]
        save(each.axes, folder / f"{number:02d}_{plain}.pdf")
        pictures.append(Picture(each.name, save(each.axes, folder / f"{number:02d}_{plain}.svg")))
    return pictures


def in_sections(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Return the pictures that there are, by their sections, wide ones first."""
    found: dict[str, list[Picture]] = {}
    for each in sorted(
        (each for each in pictures if each.path is not None), key=lambda each: not each.is_wide
    ):
        found.setdefault(each.section, []).append(each)
    order = [*dict.fromkeys(each[1] for each in _KINDS), "Others"]
    return {name: found[name] for name in order if name in found}
