"""Tests of the checks that adapters share, and of their messages."""

import pytest
import torch

from neuroalign.errors import NeuroalignWarning, UnknownNameError
from neuroalign.model_zoo.adapters.checks import (
    comes_from,
    one_line,
    refuse_unknown,
    unknown_among_many,
    warn_of_random_numbers,
)


def factory(obj, *, image_size=None, pool=None):
    return obj, image_size, pool


def test_options_must_be_keyword_only_parameters():
    refuse_unknown("the network", factory, ["pool", "image_size"])
    with pytest.raises(
        UnknownNameError, match=r"^no option of the network is called 'pol'; did you mean pool"
    ):
        refuse_unknown("the network", factory, ["pol"])
    with pytest.raises(UnknownNameError, match=r"^no option of the network is called 'obj'"):
        refuse_unknown("the network", factory, ["obj"])


def test_classes_instances_and_derived_classes_come_from_a_package():
    class Own(torch.nn.Linear):
        pass

    assert comes_from("torch", torch.nn.Linear)
    assert comes_from("torch", torch.nn.Linear(1, 1))
    assert comes_from("torch", Own(1, 1))
    assert not comes_from("torch", "torch")
    assert not comes_from("tor", torch.nn.Linear)


def test_unknown_name_among_many():
    names = [f"layer{index}" for index in range(20)]
    assert str(unknown_among_many("layer", "layr7", names)) == (
        "no layer is called 'layr7'; did you mean layer7 or layer17 or layer9?"
    )
    message = str(unknown_among_many("layer", "zzz", names))
    assert message.startswith("no layer is called 'zzz'; there are layer0, layer1")
    assert "layer8" not in message


def test_an_unknown_name_is_likened_to_each_name_once():
    message = str(unknown_among_many("layer", "conv1", ["conv", "conv", "act"]))
    assert message == "no layer is called 'conv1'; did you mean conv?"


def test_error_in_one_line():
    assert one_line(ValueError("two\n  lines")) == "ValueError: two lines"
    assert len(one_line(ValueError("x" * 1000))) == len("ValueError: ") + 300


@pytest.mark.parametrize(
    ("is_seedable", "consequence"),
    [
        (True, "each stimulus gets its own, from seed=3"),
        (False, "no seed reaches them, so latents differ from run to run"),
    ],
)
def test_warning_of_random_numbers(is_seedable, consequence):
    message = f"^net: the network draws random numbers; {consequence}, and latents are not cached$"
    with pytest.warns(NeuroalignWarning, match=message):
        warn_of_random_numbers("net", "the network", 3, is_seedable)
