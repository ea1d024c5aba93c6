"""BibTeX from the citations of records."""

from dataclasses import replace

import pytest

from neuroalign.reporting.text.citations import join_entries, list_entries


def entries_of(dataset, *citations):
    datasets = [
        replace(dataset, identifier=f"d{place}", metadata={"citation": text})
        for place, text in enumerate(citations)
    ]
    return list_entries(datasets, [])[1:]


def fields_of(entry):
    lines = entry.text.split("\n")
    return lines[1], {line.split(" = ")[0].strip(): line.split(" = ")[1][1:-2] for line in lines[2:-1]}


def test_a_citation_in_the_usual_order_becomes_fields(dataset):
    (entry,) = entries_of(
        dataset,
        "Müller, Ä. B., van den Berg, J. & O'Neil, K.-L. (2020). 50 % of {all} cells. J. Neurosci., 3, 1–9. "
        "doi:10.1234/ab.c",
    )
    assert fields_of(entry) == (
        "@misc{muller2020,",
        {
            "author": r"M\"{u}ller, \"{A}. B. and van den Berg, J. and O'Neil, K.-L.",
            "title": r"{50 \% of \{all\} cells}",
            "year": "2020",
            "howpublished": "J. Neurosci., 3, 1--9. doi:10.1234/ab.c",
            "doi": "10.1234/ab.c",
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        "One, A. (2010). A title. Science, 1. Two, B. (2013). Another one. Nature, 2.",
        "The One Laboratory (2010). A title. Science, 1.",
        "One, A. and colleagues (2010). A title. Science, 1.",
        "personal communication",
    ],
)
def test_any_other_citation_is_a_note(dataset, text):
    assert fields_of(entries_of(dataset, text)[0])[1] == {"note": text}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Eastwood & Williams (2018)", {"author": "{Eastwood} and {Williams}", "year": "2018"}),
        (
            "Dupré la Tour et al. (2022), NeuroImage 264:119728.",
            {"author": r"{Dupr\'{e} la Tour} and others", "year": "2022", "note": "NeuroImage 264:119728"},
        ),
        (
            "Williams, Nunez-Elizalde & Huth (2021) for the noise, arXiv 2006.14304",
            {
                "author": "{Williams} and {Nunez-Elizalde} and {Huth}",
                "year": "2021",
                "note": "for the noise, arXiv 2006.14304",
            },
        ),
    ],
)
def test_a_short_citation_has_authors_and_year(dataset, text, fields):
    assert fields_of(entries_of(dataset, text)[0])[1] == fields


def test_bibtex_stays_as_it_is(dataset):
    entry = "@article{one,\n  title = {A & B},\n}"
    assert entries_of(dataset, entry)[0].text == f"% 1 dataset, simulated neurons: d0\n{entry}"


def test_keys_differ_and_equal_citations_are_one_entry(dataset):
    same = "One, A. (2010). A title. Science, 1."
    entries = entries_of(dataset, same, "One, A. (2010). Another title. Science, 2.", same, "", "note")
    assert [entry.datasets for entry in entries] == [("d0", "d2"), ("d1",), ("d4",), ("d3",)]
    assert [fields_of(entry)[0] for entry in entries[:3]] == [
        "@misc{one2010,",
        "@misc{one2010b,",
        "@misc{d4,",
    ]
    assert entries[3].text == "% Dataset without a citation in its record: d3"


def test_a_paper_of_several_benchmarks_and_models_is_one_entry():
    """Texts that name places in one paper, or write its number in another way, are one citation."""
    benchmarks, models = (
        ["alignment", "correlation_ratio", "ridge", "pls", "sparse_encoding"],
        ["beta_vae", "vae"],
    )
    entries = list_entries([], benchmarks, models)
    text = join_entries(entries)
    assert text.count("2006.14304") == text.count("@misc{higgins2020,") == 1
    assert text.count("407007") == text.count("Prince") == 1
    (higgins,) = [entry for entry in entries if "2006.14304" in entry.text]
    assert (higgins.benchmarks, higgins.models) == (("alignment", "correlation_ratio"), ("beta_vae", "vae"))
    assert fields_of(higgins)[1] == {
        "author": "{Higgins} and others",
        "year": "2020",
        "note": "arXiv:2006.14304",
    }


def test_an_entry_of_several_benchmarks_names_no_place_in_the_paper():
    entries = list_entries([], ["decoding", "variance_explained"])
    (higgins,) = [entry for entry in entries if "2006.14304" in entry.text]
    assert fields_of(higgins)[1]["note"] == "arXiv 2006.14304"
    (alone,) = [entry for entry in list_entries([], ["decoding"]) if "2006.14304" in entry.text]
    assert "Decoding novel faces" in fields_of(alone)[1]["note"]


def test_a_comment_starts_no_entry(dataset):
    other = replace(dataset, identifier="@article{x,", metadata={})
    text = join_entries(list_entries([other], ["not_installed"]))
    assert text.count("@") == 1
    assert text.endswith("record: (at)article{x,\n")
