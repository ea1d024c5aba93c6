"""Ids with accents, which programs spell with one character or with two."""

from unicodedata import normalize

from neuroalign.arrays.spelling import respell

COMPOSED = ["b\u00e4r0", "b\u00e4r1", "dog"]
SEPARATE = [normalize("NFD", name) for name in COMPOSED]


def test_names_take_the_spelling_of_the_ids():
    assert SEPARATE != COMPOSED
    assert respell(SEPARATE, COMPOSED) == COMPOSED
    assert respell(COMPOSED, SEPARATE) == SEPARATE
    # Other names, repetitions and the order stay.
    assert respell([SEPARATE[1], "cat", SEPARATE[1]], COMPOSED) == [COMPOSED[1], "cat", COMPOSED[1]]


def test_two_spellings_of_one_file_stay_apart():
    both = [COMPOSED[0], SEPARATE[0]]
    assert respell(both, COMPOSED) == both
    # Nothing says which of two ids a third spelling stands for.
    third = "ba\u0344r0"
    assert respell([third], [COMPOSED[0], "dog"]) == [third]
    assert respell(["\u212b"], ["\u00c5", "A\u030a"]) == ["\u212b"]
