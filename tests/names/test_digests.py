"""Tests of names of models without the digests of their files."""

import pytest

from neuroalign.errors import UsageError
from neuroalign.names.digests import match_name


@pytest.mark.parametrize(
    ("name", "existing"),
    [
        ("hf:./vit@hidden.2[pool=token]", "hf:./vit#de595340@hidden.2[pool=token]"),
        ("hf:./vit[seed=1]", "hf:./vit#de595340[seed=1]"),
        ("timm:vgg[weights=a.pth,seed=1]+pca[n=5]", "timm:vgg[weights=a.pth#1f0c3a9b,seed=1]+pca[n=5]"),
        ("net+sae[images=faces]", "net+sae[images=faces#1f0c3a9b]"),
        ("hf:./vit#de595340", "hf:./vit#de595340"),
    ],
)
def test_digests_may_be_left_out(name, existing):
    assert match_name(name, ["pca", existing]) == existing


def test_other_names_do_not_match():
    existing = ["hf:./vit#de595340@hidden.2", "#c0ffee", "Net-de595340@act"]
    for name in ("hf:./vit", "hf:./vit@hidden.3", "Net@act", ""):
        assert match_name(name, existing) is None


def test_several_files_of_one_name_must_be_told_apart():
    existing = ["hf:./vit#de595340@x", "hf:./vit#1f0c3a9b@x"]
    assert match_name(existing[0], existing) == existing[0]
    with pytest.raises(
        UsageError, match=r"^hf:\./vit@x must be the name of one model, got .* and .*; give one"
    ):
        match_name("hf:./vit@x", existing)
