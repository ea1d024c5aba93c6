"""BibTeX entries of datasets, benchmarks, models and neuroalign, from the citations in their records."""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import takewhile

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import count_noun
from neuroalign.names import registry
from neuroalign.names.references import references_in
from neuroalign.reporting.text.latex import escape_latex
from neuroalign.scoring.declared import references_of

_YEAR = re.compile(r"\((?:19|20)\d\d\)")
# The number of a preprint, such as "arXiv:2006.14304" and "bioRxiv 407007".
_PREPRINT = re.compile(r"\b(?P<archive>arXiv|bioRxiv)[:\s]\s*(?P<number>\d[\d.]*\d)", re.IGNORECASE)
_DOI = re.compile(r"\b10\.\d{4,9}/[-._;()/:A-Za-z0-9]*[A-Za-z0-9]")
# "Chang, L. & Tsao, D. Y. (2017). The code for facial identity. Cell, 169, 1013."
_STRUCTURED = re.compile(
    r"(?P<authors>[^()]+) \((?P<year>(?:19|20)\d\d)\)\. (?P<title>[^.?!]+)[.?!] (?P<where>[^()]+?)\.?"
)
_AUTHOR = re.compile(r"[^\W\d_][\w'’ -]*, (?:[^\W\d_]\.[ -]?)+")
# "Eastwood & Williams (2018), ICLR", "Higgins et al. (2020), arXiv 2006.14304"
_SURNAME = r"[^\W\d_][\w'’-]*(?: [^\W\d_][\w'’-]*)*?"
_SHORT = re.compile(
    rf"(?P<authors>{_SURNAME}(?:(?:, {_SURNAME})* & {_SURNAME})?)(?P<others> et al\.)? \((?P<year>(?:19|20)\d\d)\)"
    r"(?:,? (?P<where>.+?)\.?)?"
)


@dataclass(frozen=True)
class Entry:
    """BibTeX entry, or a comment about a missing citation.

    Parameters
    ----------
    text : str
        Entry with a comment above it that names its datasets or benchmarks.
    datasets, benchmarks, models : tuple of str
        Datasets, benchmarks and models that the entry belongs to; all are empty for neuroalign.
    """

    text: str
    datasets: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


def list_entries(
    datasets: Sequence[Dataset], benchmarks: Sequence[str], models: Sequence[str] = ()
) -> list[Entry]:
    """List the BibTeX entries of neuroalign, of datasets, of benchmarks and of models.

    Parameters
    ----------
    datasets : sequence of Dataset
        Entries come from ``metadata["citation"]``, which may be BibTeX itself.
    benchmarks : sequence of str
        Identifiers of benchmarks. Entries come from :func:`neuroalign.scoring.declared.references_of`.
    models : sequence of str
        Names of models and families, such as ``pca`` or ``timm:resnet18@layer3``. Entries come from the docstrings of
        the registered objects.

    Returns
    -------
    list of Entry
        One entry for each citation; benchmarks and models that cite one paper by the number of its preprint or its
        DOI share an entry. A citation with authors, year and title in the usual order gets these fields, and a short
        one (``Eastwood & Williams (2018), ICLR``) authors, year and the rest as ``note``; any other citation is the
        field ``note`` as it stands in the record. Datasets without a citation are named in a
        comment.
    """
    taken: set[str] = set()
    key = _take("neuroalign", taken)
    entries = [
        Entry(
            _write(
                "misc",
                key,
                {
                    "author": "{The neuroalign developers}",
                    "title": "{neuroalign}",
                    "note": f"Version {escape_latex(version('neuroalign'))}",
                },
            )
        )
    ]
    cited: dict[str, list[Dataset]] = {}
    for dataset in datasets:
        cited.setdefault(str(dataset.metadata.get("citation") or "").strip(), []).append(dataset)
    for text, owners in cited.items():
        names = tuple(dataset.identifier for dataset in owners)
        if text:
            simulated = ", simulated neurons" if owners[0].simulated else ""
            comment = _comment(f"{count_noun(len(names), 'dataset')}{simulated}: {', '.join(names)}")
            entries.append(Entry(f"{comment}\n{_entry(text, names[0], taken)}", datasets=names))
    entries += [
        Entry(
            _comment(f"Dataset without a citation in its record: {dataset.identifier}"), (dataset.identifier,)
        )
        for dataset in cited.get("", [])
    ]
    references: dict[str, dict[str, list[str]]] = {}
    texts_of: dict[str, list[str]] = {}
    wanted: dict[str, Sequence[str]] = {"benchmark": benchmarks, "model": models}
    for noun, requested in wanted.items():
        for name in dict.fromkeys(requested):
            texts = references_of(name) if noun == "benchmark" else references_in(_registered(name))
            for reference in texts:
                paper = _identify(reference)
                texts_of.setdefault(paper, []).append(reference)
                citing = references.setdefault(paper, {}).setdefault(noun, [])
                if name not in citing:
                    citing.append(name)
            if noun == "model" and not texts:
                entries.append(Entry(_comment(f"Model without a reference: {name}"), models=(name,)))
    for paper, owned in references.items():
        # Places within the paper, such as "eq. 2", differ between the benchmarks and models that cite it.
        same = takewhile(lambda characters: len(set(characters)) == 1, zip(*texts_of[paper], strict=False))
        shared = "".join(characters[0] for characters in same).rstrip(" ,;:.(")
        text = shared if _identify(shared) == paper else min(texts_of[paper], key=len)
        comment = _comment(
            "; ".join(f"{count_noun(len(names), noun)}: {', '.join(names)}" for noun, names in owned.items())
        )
        first = next(iter(owned.values()))[0]
        entries.append(
            Entry(
                f"{comment}\n{_entry(text, first, taken)}",
                benchmarks=tuple(owned.get("benchmark", ())),
                models=tuple(owned.get("model", ())),
            )
        )
    return entries


def _registered(model: str) -> object:
    """Return the registered object of a model: the function of its scheme for names such as ``timm:resnet18``."""
    return registry.models.get(model if model in registry.models else f"{model.partition(':')[0]}:")


def join_entries(entries: Iterable[Entry]) -> str:
    """Join entries to the content of a BibTeX file."""
    return "".join(f"{entry.text}\n\n" for entry in entries).rstrip("\n") + "\n"


def _identify(reference: str) -> str:
    """Return the number of the cited paper, by which other texts cite it, too; the text itself without a number."""
    preprint, doi = _PREPRINT.search(reference), _DOI.search(reference)
    if preprint is not None:
        return f"{preprint['archive'].lower()}:{preprint['number']}"
    return doi[0].lower() if doi is not None else reference


def _entry(citation: str, owner: str, taken: set[str]) -> str:
    """Write a citation as an entry; BibTeX stays as it is."""
    if re.match(r"@\w+\s*\{", citation):
        return citation
    text = " ".join(citation.split())
    year = _YEAR.search(text)
    first = re.match(r"[^\W\d_]+", text)
    name = first[0] if first and year else re.sub(r"\W+", "-", owner).strip("-")
    key = _take(f"{_ascii(name).lower() or 'dataset'}{year[0][1:-1] if year else ''}", taken)
    doi = _DOI.search(text)
    fields = _fields(text) or _short_fields(text) or {"note": escape_latex(text)}
    return _write("misc", key, {**fields, **({"doi": doi[0]} if doi else {})})


def _fields(text: str) -> dict[str, str] | None:
    """Return author, title and year of a citation in the usual order; None for every other text."""
    match = _STRUCTURED.fullmatch(text)
    if match is None:
        return None
    authors = _AUTHOR.findall(match["authors"])
    # The list is read only if nothing but commas and the last sign is between the names.
    between = _AUTHOR.sub("", match["authors"])
    if re.sub(r"[,&\s]|\band\b", "", between):
        return None
    return {
        "author": " and ".join(escape_latex(author.strip()) for author in authors),
        "title": f"{{{escape_latex(match['title'])}}}",
        "year": match["year"],
        "howpublished": escape_latex(match["where"]),
    }


def _short_fields(text: str) -> dict[str, str] | None:
    """Return surnames, year and place of a citation without a title; None for every other text."""
    match = _SHORT.fullmatch(text)
    if match is None:
        return None
    # Braces keep surnames of several words together.
    names = [f"{{{escape_latex(name)}}}" for name in re.split(r", | & ", match["authors"])]
    where = {"note": escape_latex(match["where"])} if match["where"] else {}
    return {
        "author": " and ".join([*names, *(["others"] if match["others"] else [])]),
        "year": match["year"],
        **where,
    }


def _write(kind: str, key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _comment(text: str) -> str:
    # An entry starts at the sign @, also in a comment.
    return textwrap.fill(
        " ".join(text.replace("@", "(at)").split()), 100, initial_indent="% ", subsequent_indent="% "
    )


def _ascii(text: str) -> str:
    """Return the letters without accents."""
    text = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in text if letter.isascii() and (letter.isalnum() or letter in "-_"))


def _take(key: str, taken: set[str]) -> str:
    """Return a key that no other entry has: with a letter behind it where it is taken."""
    candidates = [key, *(f"{key}{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")]
    chosen = next((name for name in candidates if name not in taken), f"{key}-{len(taken)}")
    taken.add(chosen)
    return chosen
