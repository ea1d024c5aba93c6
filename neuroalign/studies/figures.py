"""Figures of a study, drawn from its scores, each with a caption."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declared import is_control
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.relation import relate
from neuroalign.studies.study import Study


@dataclass(frozen=True)
class _FigureKind:
    """Kind of figures with the same beginning of their names."""

    beginning: str
    section: str
    #: Caption with a place for the subject, which is the rest of the name.
    caption: str
    #: Whether a figure takes the whole width of the report.
    is_wide: bool = False


_KINDS = (
    _FigureKind("native_and_recombined", "Scores", "Neurons and mixtures of neurons{subject}"),
    _FigureKind("unit_proportion", "Scores", "Correlation ratio and unit proportion"),
    _FigureKind("scores", "Scores", "All instances{subject}"),
    _FigureKind("neurons", "Scores", "All neurons{subject}"),
    _FigureKind("udr", "Scores", "UDR and score{subject}"),
    _FigureKind(
        "units_by_neurons", "Units and neurons", "Share of each neuron that each unit explains{subject}", True
    ),
    _FigureKind("decoded_faces", "Faces", "Held-out faces, decoded from single neurons", True),
    _FigureKind("traversals", "Faces", "Images of single units over their range{subject}"),
)


@dataclass(frozen=True)
class Picture:
    """Figure of the report.

    Parameters
    ----------
    name : str
    path : Path or None
        SVG file; None for a figure that was not drawn.
    reason : str
        Reason why the figure was not drawn; empty for a drawn figure.
    """

    name: str
    path: Path | None = None
    reason: str = ""

    @property
    def section(self) -> str:
        """Section of the report."""
        return self._kind.section

    @property
    def caption(self) -> str:
        """Caption of the figure."""
        subject = self.name.removeprefix(self._kind.beginning).strip("_")
        # A control is known from the rest of the caption.
        benchmark, bracket, options = subject.partition("[")
        subject = f"{'' if is_control(benchmark) else benchmark}{bracket}{options}"
        words = subject.replace("_", " ").replace("[", " (").replace("]", ")").strip()
        return self._kind.caption.format(subject=f": {words}" if words else "")

    @property
    def is_wide(self) -> bool:
        """Whether the figure takes the whole width."""
        return self._kind.is_wide

    @property
    def _kind(self) -> _FigureKind:
        other = _FigureKind(self.name, "Others", self.name.replace("_", " "), True)
        return next((kind for kind in _KINDS if self.name.startswith(kind.beginning)), other)


def draw_figures(
    folder: Path, dataset: Dataset, evidence: Evidence, study: Study, store: Any
) -> list[Picture]:
    """Draw the figures that the scores of the selected instances support.

    Parameters
    ----------
    folder : Path
        Folder for the figures, each as PDF and SVG.
    dataset : Dataset
    evidence : Evidence
    study : Study
    store : ResultsStore
        Store with the scores of `evidence`.

    Returns
    -------
    list of Picture
    """
    # Imported here, since the report works without the extra ``figures``.
    from neuroalign.reporting.figures.files import file_name
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
        draw_relations(study, evidence),
        gather_figures(dataset, benchmarks=shown, models=names, with_udr=False, ceiling=ceiling, store=store),
    )
    pictures = []
    for number, figure in enumerate(drawn, start=1):
        if figure.axes is None:
            pictures.append(Picture(figure.name, reason=figure.reason))
            continue
        stem = f"{number:02d}_{file_name(figure.name)}"
        save(figure.axes, folder / f"{stem}.pdf")
        pictures.append(Picture(figure.name, save(figure.axes, folder / f"{stem}.svg")))
    return pictures


def draw_relations(study: Study, evidence: Evidence) -> Iterator[Any]:
    """Yield the figures of the claims about UDR, with the instances, numbers and groups that the claims test.

    Parameters
    ----------
    study : Study
    evidence : Evidence

    Yields
    ------
    Gathered
        Figure, or the reason why it is missing.
    """
    from neuroalign.reporting.figures.gathering import Gathered
    from neuroalign.reporting.figures.relations import udr_against_alignment

    for claim in study.claims:
        drawn: list[Mapping[str, Any]] = []
        for kind, settings in (claim.tested, claim.primary):
            # The figure of all instances also shows the groups, by colour and by the correlation within groups.
            within = claim.primary[1].get("within", "")
            numbers = {name: value for name, value in settings.items() if name != "within"}
            if kind != "predicts" or numbers in drawn:
                continue
            drawn.append(numbers)
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
    """Return the drawn figures by section, wide figures first."""
    drawn = [picture for picture in pictures if picture.path is not None]
    sections: dict[str, list[Picture]] = {}
    for picture in sorted(drawn, key=lambda picture: not picture.is_wide):
        sections.setdefault(picture.section, []).append(picture)
    order = [*dict.fromkeys(kind.section for kind in _KINDS), "Others"]
    return {name: sections[name] for name in order if name in sections}
