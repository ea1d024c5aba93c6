"""Wrong files and folders of published layouts: one line that names the content and the path or option that helps."""

import shutil

import numpy as np
import pytest

from neuroalign.datasets.formats.detect import detect_format
from neuroalign.datasets.formats.reader import RecordingReader
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, NeuroalignWarning, UsageError
from neuroalign.names.registry import readers

#: Layout, path in the folder of all layouts, options, and parts of the message.
CASES = [
    ("tvsd", "tvsd/monkeyN/_logs", {}, ["names of the images of TVSD", "--responses", "monkeyN"]),
    ("tvsd", "tvsd/monkeyN/_logs/things_imgs.mat", {}, ["names of the images of TVSD", "monkeyN"]),
    ("tvsd", "tvsd/monkeyN/_logs", {"format": "tvsd"}, ["names of the images of TVSD"]),
    (
        "tvsd",
        "tvsd/monkeyN/THINGS_normMUA.mat",
        {"format": "matlab"},
        ["--variable NAME", "has the format tvsd"],
    ),
    (
        "tvsd",
        "tvsd/monkeyN/THINGS_normMUA.mat",
        {"format": "matlab", "variable": "train_MUA"},
        ["1024 × 24: name its axes", "leave --format out"],
    ),
    ("tvsd", "tvsd", {"format": "matlab"}, ["leave --format out: tvsd has the format tvsd"]),
    ("triple_n", "triple_n/GoodUnit", {}, ["single trials of Triple-N", "--good-units"]),
    ("triple_n", "triple_n/GoodUnit/*.mat", {}, ["single trials of Triple-N", "--responses", "--good-units"]),
    ("triple_n", "triple_n/GoodUnit/*.mat", {"format": "triple_n"}, ["--good-units"]),
    ("triple_n", "triple_n/nsd_expdesign.mat", {}, ["design of NSD", "--nsd-design"]),
    ("triple_n", "triple_n/Processed/*.mat", {"format": "matlab"}, ["has the format triple_n"]),
    ("sensorium", "sensorium", {}, ["1 scan of Sensorium; give it: --responses", "static"]),
    ("sensorium", "sensorium/static*/data/responses/0.npy", {}, ["a part of a scan of Sensorium"]),
    (
        "sensorium",
        "sensorium/static*/data/responses/0.npy",
        {"format": "npy"},
        ["name its axes", "a scan of Sensorium"],
    ),
    ("sensorium", "sensorium/static*/data/images", {}, ["a part of a scan of Sensorium"]),
    ("sensorium", "sensorium/static*/meta/trials/tiers.npy", {}, ["a part of a scan of Sensorium"]),
    ("sensorium", "sensorium/static*/data", {"format": "sensorium"}, ["a part of a scan of Sensorium"]),
    ("cadena2024", "cadena2024_v4/images", {}, ["recordings of Cadena", "--responses", "cadena2024_v4"]),
    ("cadena2024", "cadena2024_v4/train", {}, ["recordings of Cadena"]),
    ("cadena2024", "cadena2024_v4/test/*52/responses.csv", {}, ["recordings of Cadena"]),
    ("cadena2024", "cadena2024_v4/images", {"format": "cadena2024"}, ["recordings of Cadena"]),
    (
        "cadena2024",
        ".",
        {"format": "cadena2024"},
        ["1 folder of Cadena et al. (2024); give it", "cadena2024_v4"],
    ),
    ("nwb", "nwb", {}, ["2 NWB files; give one of them: --responses", "allen_like.nwb"]),
    ("nwb", "nwb", {"format": "nwb"}, ["2 NWB files"]),
    ("phy", "phy/params.py", {}, ["describes a spike sorting", "--events events.csv --window START,END"]),
    ("phy", "phy/cluster_group.tsv", {}, ["describes a spike sorting"]),
    ("phy", "phy/spike_times.npy", {}, ["the times of spikes", "--events events.csv"]),
    ("phy", "phy/channel_map.npy", {}, ["describes a spike sorting"]),
    ("phy", "phy/params.py", {"format": "phy"}, ["describes a spike sorting"]),
]


@pytest.mark.parametrize(("layout", "pattern", "options", "parts"), CASES)
def test_the_message_names_content_and_remedy(published, nothing_is_left, layout, pattern, options, parts):
    root = published(layout, ".")
    path = root if pattern == "." else next(iter(sorted(root.glob(pattern))))
    with pytest.raises((DatasetError, UsageError)) as caught:
        import_dataset("d", responses=path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []
    assert nothing_is_left()


def test_other_files_in_a_published_folder_are_read(published, tmp_path):
    scan = shutil.copytree(next(published("sensorium").glob("static*")), tmp_path / "static")
    np.save(scan / "mine.npy", np.array([[1.0, 2.0, 4.0], [3.0, 1.0, 5.0]]))
    assert import_dataset("d", responses=scan / "mine.npy", axes="neuroid,stimulus").recording.shape == (3, 2)


class BoxReader(RecordingReader):
    """Reader of a format that is found in files that hold arrays, too."""

    title = "boxes"

    def recognises(self, path):
        return path.name == "box.npy"

    def advice(self, path):
        if path.name == "lid.npy":
            return f"{path} is a lid; give box.npy"
        if path.name == "broken.npy":
            raise ValueError("hinge")
        return ""

    def read(self, paths, options):
        raise NotImplementedError


def test_a_format_with_names_goes_before_an_array(tmp_path):
    for name in ("box", "lid", "plain", "broken"):
        np.save(tmp_path / f"{name}.npy", np.eye(3))
    with readers.registered("boxes", BoxReader):
        assert detect_format([tmp_path / "box.npy"]) == "boxes"
        with pytest.raises(DatasetError, match=r"lid\.npy is a lid; give box\.npy$"):
            detect_format([tmp_path / "lid.npy"])
        assert detect_format([tmp_path / "lid.npy"], "npy") == "npy"
        assert detect_format([tmp_path / "plain.npy"]) == "npy"
        with pytest.warns(NeuroalignWarning, match="'boxes' failed to look at"):
            assert detect_format([tmp_path / "broken.npy"]) == "npy"
