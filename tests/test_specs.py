import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import UsageError
from neuroalign.names.syntax import Spec, format_spec, parse_spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pca", Spec("pca")),
        ("beta_vae[beta=0.5,seed=3]", Spec("beta_vae", {"beta": 0.5, "seed": 3})),
        ("timm:resnet18.a1_in1k@layer3", Spec("timm:resnet18.a1_in1k@layer3")),
        (
            "timm:resnet18@layer3[weights=random]+pca[n=50]",
            Spec("timm:resnet18@layer3", {"weights": "random"}, (Spec("pca", {"n": 50}),)),
        ),
        ("a[x=true,y=none,z=1e-3]", Spec("a", {"x": True, "y": None, "z": 0.001})),
    ],
)
def test_parse(text, expected):
    assert parse_spec(text) == expected


@pytest.mark.parametrize("text", ["", "a[", "a[b]", "a[b=]", "a[=1]", "a[b=1,b=2]", "a+", "a[b=1]c", "[a=1]"])
def test_refuse(text):
    with pytest.raises(UsageError, match="cannot read"):
        parse_spec(text)


values = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.from_regex(r"[a-df-h]{2,8}", fullmatch=True),
)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), values, max_size=4))
def test_round_trip(options):
    assert parse_spec(format_spec("name", options)) == Spec("name", options)
