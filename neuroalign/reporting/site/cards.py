"""Cards of datasets, families and models: sizes, origin, and scores by benchmark and dataset."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neuroalign.errors import NeuroalignError
from neuroalign.names.syntax import parse_spec
from neuroalign.reporting.site.board_contents import dataset_card, dataset_folder, family_card, model_card
from neuroalign.reporting.site.contents import describe_dataset, write_facts
from neuroalign.reporting.site.dataset_pages import DatasetContents
from neuroalign.scoring.cautions import cautions

# Facts about a dataset that the first page shows.
_SIZES = ("neurons", "stimuli", "presentations", "region", "animal")


def lay_out_dataset_card(of_dataset: DatasetContents) -> dict[str, Any]:
    """Lay out the card of a dataset: its facts, and the families on each of its leaderboards.

    Parameters
    ----------
    of_dataset : DatasetContents

    Returns
    -------
    dict
        ``about`` as :func:`neuroalign.reporting.site.contents.describe_dataset` returns it, ``sizes``, which are the
        first of its facts, ``stimuli``, their pictures, and ``rows``, one for each family on each leaderboard.
    """
    dataset = of_dataset.dataset
    folder = dataset_folder(dataset.identifier)
    about = describe_dataset(dataset)
    return {
        "name": dataset.identifier,
        "page": dataset_card(dataset.identifier),
        "about": about,
        "stimuli": of_dataset.stimuli,
        "sizes": {name: value for name, value in about["facts"] if name in _SIZES},
        "leaderboard": f"{folder}index.html" if of_dataset.boards else "",
        "rows": [
            {
                **_row_of_family(board, row),
                "family": row["family"],
                "card": family_card(row["family"]),
                "page": f"{folder}index.html#{board['anchor']}",
            }
            for board in of_dataset.boards
            for row in board["rows"]
        ],
    }


def lay_out_family_cards(by_dataset: Iterable[DatasetContents]) -> list[dict[str, Any]]:
    """Lay out the cards of families: their scores by benchmark and dataset, and their models.

    Parameters
    ----------
    by_dataset : iterable of DatasetContents

    Returns
    -------
    list of dict
        Sorted by the names of the families. ``models`` are as :func:`lay_out_model_card` expects them.
    """
    families: dict[str, dict[str, Any]] = {}
    for of_dataset in by_dataset:
        name_of_dataset = of_dataset.dataset.identifier
        folder = dataset_folder(name_of_dataset)
        for of_family in of_dataset.families:
            family = families.setdefault(
                of_family["name"],
                {
                    "name": of_family["name"],
                    "page": family_card(of_family["name"]),
                    "rows": [],
                    "cautions": [],
                    "models": {},
                },
            )
            for entry in of_family["boards"]:
                board, row = entry["board"], entry["row"]
                family["rows"].append(
                    {
                        **_row_of_family(board, row),
                        "dataset": name_of_dataset,
                        "card": dataset_card(name_of_dataset),
                        "page": f"{folder}{of_family['page']}",
                        "rank": entry["rank"],
                        "n_families": len(board["names"]),
                    }
                )
                family["cautions"] += [
                    f"{board['name']} on {name_of_dataset}: {caution}" for caution in row["cautions"]
                ]
            for of_model in of_family["models"]:
                model = family["models"].setdefault(
                    of_model["name"],
                    {
                        "name": of_model["name"],
                        "short_name": of_model["short_name"],
                        "family": of_family["name"],
                        "family_page": family["page"],
                        "page": model_card(of_family["name"], of_model["name"]),
                        "scores": [],
                    },
                )
                model["scores"] += [
                    {
                        "dataset": name_of_dataset,
                        "card": dataset_card(name_of_dataset),
                        "benchmark": name,
                        "board": board,
                        "key": key,
                        "score": score,
                        "page": f"{folder}{of_model['page']}#{board['anchor']}",
                    }
                    for name, (key, score, board) in of_model["scores"].items()
                ]
    for family in families.values():
        family["rows"].sort(key=lambda row: (row["benchmark"], row["version"]))
        family["models"] = [model for _, model in sorted(family["models"].items())]
    return [family for _, family in sorted(families.items())]


def lay_out_model_card(model: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out the card of a model: options of its name, scores, and provenance.

    Parameters
    ----------
    model : mapping
        Model of :func:`lay_out_family_cards`.

    Returns
    -------
    dict
        ``facts`` are the entries of the provenance that all scores share; ``scores`` have the other entries.
    """
    entries = sorted(model["scores"], key=lambda entry: (entry["benchmark"], entry["board"]["version"]))
    shared = _shared([entry["score"].provenance for entry in entries])
    scores = [
        {
            **entry,
            "version": entry["board"]["version"],
            "cautions": cautions(entry["score"]),
            "options": write_facts(entry["score"].options),
            "provenance": write_facts(
                {
                    "key": entry["key"],
                    **{
                        name: value
                        for name, value in sorted(entry["score"].provenance.items())
                        if name not in shared
                    },
                }
            ),
        }
        for entry in entries
    ]
    notes = dict.fromkeys(note for entry in entries for note in entry["score"].notes)
    return {
        "options": write_facts(_options(model["name"])),
        "facts": write_facts(shared),
        "scores": scores,
        "notes": [
            (note, [f"{e['benchmark']} on {e['dataset']}" for e in entries if note in e["score"].notes])
            for note in notes
        ],
    }


def _row_of_family(board: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a family on a leaderboard."""
    return {
        **{name: row[name] for name in ("n", "mean", "ci_low", "ci_high", "error", "null", "ceiling")},
        "benchmark": board["name"],
        "version": board["version"],
        "statistic": "score" if board["is_value"] else board["statistic"],
        "error_over": board["error_over"],
        "must_not_be_read": row["must_not_be_read"],
    }


def _shared(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries that all records have with one value, by name."""
    if not records:
        return {}
    first, *others = records
    return {
        name: value
        for name, value in sorted(first.items())
        if all(name in other and other[name] == value for other in others)
    }


def _options(model: str) -> dict[str, Any]:
    """Return the options in the name of a model and in the names of its reducers."""
    try:
        parsed = parse_spec(model)
    except NeuroalignError:
        return {}
    options = dict(parsed.options)
    for wrapper in parsed.wrappers:
        options |= {f"{wrapper.name}: {name}": value for name, value in wrapper.options.items()}
    return options
