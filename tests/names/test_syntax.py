"""Tests of the syntax of names with options: each is read as it was written."""

import re
from dataclasses import fields
from math import inf, nan
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from neuroalign.errors import UsageError
from neuroalign.models.loading import load_model
from neuroalign.names.registry import benchmarks
from neuroalign.names.syntax import Spec, format_spec, format_value, parse_spec, parse_value
from neuroalign.scoring.benchmark import load_benchmark


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pca", Spec("pca")),
        (" pca [ n = 50 ] + subsample [n=3] ", Spec("pca", {"n": 50}, (Spec("subsample", {"n": 3}),))),
        ("beta_vae[beta=0.5,seed=3]", Spec("beta_vae", {"beta": 0.5, "seed": 3})),
        ("timm:resnet18.a1_in1k@layer3", Spec("timm:resnet18.a1_in1k@layer3")),
        (
            "timm:resnet18@layer3[weights=random]+pca[n=50]",
            Spec("timm:resnet18@layer3", {"weights": "random"}, (Spec("pca", {"n": 50}),)),
        ),
        ("timm:resnet18[weights=random]@layer3", Spec("timm:resnet18@layer3", {"weights": "random"})),
        ("a[x=true,y=none,z=1e-3]", Spec("a", {"x": True, "y": None, "z": 0.001})),
        ("a[]", Spec("a")),
        ("a[x='1',y='',z=' b ']", Spec("a", {"x": "1", "y": "", "z": " b "})),
        ('a[x="it\'s",y=\'say "hi"\']', Spec("a", {"x": "it's", "y": 'say "hi"'})),
        ("/home/bob's/models.py:mine", Spec("/home/bob's/models.py:mine")),
        ("'c++/models.py:mine'[x=a=b]", Spec("c++/models.py:mine", {"x": "a=b"})),
        (r"a[x=C:\new,y='C:\\new\t\x41\u03b2']", Spec("a", {"x": r"C:\new", "y": "C:\\new\tAβ"})),
        ("a[x=[],y=[1,[b,'c,d'],none]]", Spec("a", {"x": [], "y": [1, ["b", "c,d"], None]})),
        ("a[x=weights, final.pth]", None),
        (
            "outer[benchmark=inner[rule=min,deeper='x]y'],n=2]",
            Spec("outer", {"benchmark": "inner[rule=min,deeper='x]y']", "n": 2}),
        ),
        ("a[model=timm:x@layer+pca[n=3]]", Spec("a", {"model": "timm:x@layer+pca[n=3]"})),
        ("a[x=inf,y=-inf,z=1e+20]", Spec("a", {"x": inf, "y": -inf, "z": 1e20})),
    ],
)
def test_parse(text, expected):
    if expected is None:
        with pytest.raises(UsageError, match="cannot read"):
            parse_spec(text)
    else:
        assert parse_spec(text) == expected


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (Spec("beta_vae", {"beta": 4.0, "seed": 0}), "beta_vae[beta=4,seed=0]"),
        (Spec("beta_vae", {"beta": 0.5}), "beta_vae[beta=0.5]"),
        (Spec("a", {"x": True, "y": None, "z": -3}), "a[x=True,y=None,z=-3]"),
        (Spec("a", {"x": "1", "y": "true", "z": "1_000", "w": "nan"}), "a[x='1',y='true',z='1_000',w='nan']"),
        (Spec("a", {"x": ""}), "a[x='']"),
        (Spec("a", {"x": 1e16, "y": -0.0, "z": nan}), "a[x=1e+16,y=-0.0,z=nan]"),
        (Spec("a", {"x": (1, "b,c")}), "a[x=[1,'b,c']]"),
        (Spec("a", {"x": "[1]"}), "a[x='[1]']"),
        (Spec("a", {"x": "it's", "y": "'q"}), r"a[x=it's,y='\'q']"),
        (Spec("a", {"x": "two words", "y": "β", "z": "a\nb"}), r"a[x=two words,y=β,z='a\nb']"),
        (
            Spec("timm:x@blocks[0]+mlp", {"weights": "random"}, (Spec("pca", {"n": 2}),)),
            "'timm:x@blocks[0]+mlp'[weights=random]+pca[n=2]",
        ),
        (Spec("a", {"benchmark": "b[rule=min,n=3]"}), "a[benchmark=b[rule=min,n=3]]"),
    ],
)
def test_format(spec, text):
    assert str(spec) == text
    assert str(parse_spec(text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a name at the end"),
        ("a[", "expected option=value at the end"),
        ("a[b]", "expected option=value at character 3, 'b]'"),
        ("a[b=]", "expected a value at character 5, ']'"),
        ("a[=1]", "expected option=value at character 3, '=1]'"),
        ("a[b=1,]", "expected option=value at character 7, ']'"),
        ("a[b=1,b=2]", "expected each option once, and 'b' is given twice, at character 7, 'b=2]'"),
        ("a+", "expected a name at the end"),
        ("a[b=1]c", "expected '+' or the end at character 7, 'c'"),
        ("[a=1]", "expected a name at character 1, '[a=1]'"),
        ("a]", "expected '+' or the end at character 2, ']'"),
        ("a[b='c]", "expected a closing ' at character 5, \"'c]\""),
        ("a[b=c[d]", "expected ',' or ']' at the end"),
        ("a[b='c'd]", "expected ',' or ']' at character 8, 'd]'"),
        ("a[b=[1]", "expected ',' or ']' at the end"),
        (r"a[b='\x4']", 'expected 2 hexadecimal digits of a character at character 8, "4\']"'),
        ("a[b=" + "[" * 21 + "]" * 22, "expected at most 20 lists in one another at character 26"),
        ("timm:x@layer[0]", "expected option=value at character 14, '0]'"),
    ],
)
def test_text_that_is_not_a_name_is_refused_with_its_position_and_the_fix(text, reason):
    message = (
        re.escape(f"cannot read {text!r}: {reason}") + ".*; write name.*with single quotes around a name"
    )
    with pytest.raises(UsageError, match=message) as caught:
        parse_spec(text)
    assert "\n" not in str(caught.value)


# Texts of the characters that have a meaning in the grammar are harder than texts of any characters.
texts = st.one_of(st.text(max_size=12), st.text("[]+,=@'\"\\ :1ntrue", max_size=12))
nested = st.sampled_from(
    ["alignment[rule=min]", "b[x='a]b',y=[1,2]]", "timm:x@'l[0]'+pca[n=3]", "'a+b'[c=d]"]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    texts,
    nested,
    st.from_regex(r"-?[0-9._e+]{1,6}"),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
options = st.dictionaries(st.one_of(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), texts), values, max_size=4)
parts = st.builds(Spec, texts, options)
specs = st.builds(Spec, texts, options, st.lists(parts, max_size=2).map(tuple))


@given(specs)
@example(Spec("a", {"x": "b[c='"}))
@example(Spec("a", {"x": "[b='c'"}))
@example(Spec("a'", {"'": "\\'"}))
def test_every_spec_is_read_as_it_was_written(spec):
    assert parse_spec(str(spec)) == spec


@given(values)
def test_every_value_is_read_as_it_was_written_with_its_type(value):
    read = parse_value(format_value(value))
    assert read == value
    if not isinstance(value, float):
        assert repr(read) == repr(value) or isinstance(value, list)


def test_not_a_number_is_read_as_it_was_written():
    assert format_value(nan) == "nan"
    assert repr(parse_value("nan")) == "nan"


@given(specs.map(str))
def test_the_name_of_a_spec_is_the_option_of_another(text):
    assert parse_spec(format_spec("outer", {"benchmark": text, "n": 1})).options == {
        "benchmark": text,
        "n": 1,
    }


@given(st.one_of(texts, specs.map(str)))
def test_a_name_that_was_read_is_written_in_one_way(text):
    try:
        written = str(parse_spec(text))
    except UsageError:
        return
    assert str(parse_spec(written)) == written


def values_of(hint):
    """Return a strategy for the values that a declared type of an option allows."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return values_of(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of([values_of(argument) for argument in arguments])
    plain = {
        int: st.integers(0, 200),
        float: st.floats(0, 1),
        bool: st.booleans(),
        NoneType: st.none(),
        str: st.sampled_from(["value", "alignment", "alignment[rule=min,n_folds=5]", "alignment[seed=3]"]),
    }
    return plain.get(hint, st.nothing())


@pytest.mark.slow
@given(st.data())
@pytest.mark.parametrize("name", benchmarks.names())
def test_the_name_of_a_benchmark_with_any_options_loads_the_same_benchmark(name, data):
    declared = benchmarks.get(name)
    hints = get_type_hints(declared, include_extras=True)
    chosen = data.draw(
        st.fixed_dictionaries(
            {}, optional={option.name: values_of(hints[option.name]) for option in fields(declared)}
        )
    )
    try:
        benchmark = load_benchmark(format_spec(name, chosen))
    except UsageError:
        # Some combinations are refused, such as two folds at least; a name cannot turn them into others.
        with pytest.raises(UsageError):
            declared(**chosen)
        return
    assert benchmark == declared(**chosen)
    # Scores record the options that a benchmark reports.
    assert load_benchmark(format_spec(name, benchmark.options())).options() == benchmark.options()


@pytest.mark.parametrize("family", ["autoencoder", "beta_vae", "classifier", "vae"])
def test_names_of_bundled_instances_load_the_same_instance_and_are_written_alike(family):
    for instance in load_model(family).instances():
        assert load_model(instance.identifier).identifier == instance.identifier
        assert str(parse_spec(instance.identifier)) == instance.identifier
