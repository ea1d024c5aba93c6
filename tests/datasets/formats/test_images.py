import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from neuroalign.datasets import image_sources
from neuroalign.datasets.formats.images import check_images, collect_images, ids_of_images, match_images
from neuroalign.errors import ArchiveError, DatasetError, UsageError


def save(path, value=0, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value, dtype=np.uint8)).convert(mode).save(path)
    return path


def test_folder(tmp_path):
    save(tmp_path / "b.png")
    save(tmp_path / "sub" / "a.JPG")
    save(tmp_path / ".hidden" / "c.png")
    save(tmp_path / "._b.png")
    (tmp_path / "notes.txt").write_text("x")
    assert list(collect_images(tmp_path, tmp_path)) == ["b.png", "sub/a.JPG"]


def test_archive(tmp_path):
    save(tmp_path / "b.png")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "b.png", "faces/b.png")
        archive.writestr("faces/notes.txt", "x")
    (tmp_path / "scratch").mkdir()
    result = collect_images(tmp_path / "x.zip", tmp_path / "scratch")
    assert list(result) == ["faces/b.png"]
    assert result["faces/b.png"].read_bytes() == (tmp_path / "b.png").read_bytes()


def test_nothing_to_find(tmp_path):
    with pytest.raises(DatasetError, match="does not exist; --images takes"):
        collect_images(tmp_path / "absent", tmp_path)
    with pytest.raises(DatasetError, match="holds no images"):
        collect_images(tmp_path, tmp_path)
    (tmp_path / "x.tar").write_bytes(b"rubbish")
    with pytest.raises(ArchiveError, match="cannot read the archive"):
        collect_images(tmp_path / "x.tar", tmp_path)


def test_stimuli_are_named_after_images_in_sorted_order():
    assert ids_of_images(["b.png", "c.png", "a.png"]) == ["a", "b", "c"]
    assert ids_of_images(["image0010.jpg", "image0002.jpg"]) == ["image0002", "image0010"]


def test_an_order_that_depends_on_the_reader_is_asked_for():
    names = [f"image{i}.png" for i in (1, 2, 10)]
    with pytest.raises(
        DatasetError, match=r"by name \(image1, image10, image2\) .* --image-order name\|number"
    ):
        ids_of_images(names)
    assert ids_of_images(names, "name") == ["image1", "image10", "image2"]
    assert ids_of_images(names, "number") == ["image1", "image2", "image10"]
    with pytest.raises(UsageError, match="must be name or number, got"):
        ids_of_images(names, "size")


def test_folders_are_part_of_the_id_only_where_they_must(tmp_path):
    assert ids_of_images(["all/s1/1.pgm", "all/s2/2.pgm"]) == ["1", "2"]
    assert ids_of_images(["all/s1/1.pgm", "all/s2/1.pgm"]) == ["s1/1", "s2/1"]
    assert ids_of_images(["a.png", "a.jpg"]) == ["a.jpg", "a.png"]


@given(
    st.lists(st.from_regex(r"[ab12]{1,3}(/[ab12]{1,2})?\.(png|jpg)", fullmatch=True), min_size=1, unique=True)
)
def test_ids_are_unique_and_find_their_images(tmp_path_factory, names):
    images = {name: Path(name) for name in names}
    ids = ids_of_images(names, "name")
    assert len(set(ids)) == len(names)
    assert sorted(ids) == ids
    result = match_images(ids, images)
    assert sorted(result.values()) == sorted(images.values())
    assert all(
        str(path).removesuffix(path.suffix).endswith(name.removesuffix(path.suffix))
        for name, path in result.items()
    )


def test_images_are_matched_by_id_or_file_name(tmp_path):
    images = {name: tmp_path / name for name in ("set/a.png", "set/b.png")}
    assert match_images(["b", "a"], images) == {"b": tmp_path / "set/b.png", "a": tmp_path / "set/a.png"}
    for names in (["b.png", "a"], ["set/b.png", "set/a.png"], ["set/b", "a.png"]):
        assert match_images(["x", "y"], images, names) == {
            "x": tmp_path / "set/b.png",
            "y": tmp_path / "set/a.png",
        }
    assert match_images(["x", "y"], images, ["a", "a"])["y"] == tmp_path / "set/a.png"


def test_an_image_in_no_folder_is_found_beside_a_namesake_in_one(tmp_path):
    images = {name: tmp_path / name for name in ("a.png", "more/a.png")}
    assert ids_of_images(list(images)) == ["a", "more/a"]
    assert match_images(["a", "more/a"], images) == {
        "a": tmp_path / "a.png",
        "more/a": tmp_path / "more/a.png",
    }


def test_images_that_are_missing_or_ambiguous_are_named(tmp_path):
    images = {name: tmp_path / name for name in ("s1/1.png", "s2/1.png")}
    with pytest.raises(DatasetError, match=r"2 of 3 images are missing: x, y; the images are s1/1\.png"):
        match_images(["s1/1", "x", "y"], images)
    with pytest.raises(DatasetError, match="several images are called 1"):
        match_images(["1"], images)


def test_names_are_found_in_another_spelling(tmp_path):
    images = {"faces/cafe\u0301.png": tmp_path / "1", "faces/b.png": tmp_path / "2"}
    paths = {"x": tmp_path / "1", "y": tmp_path / "2"}
    for names in (
        ["caf\xe9.png", "b"],
        ["faces\\caf\xe9.png", "faces\\b.png"],
        ["C:\\data\\caf\xe9.png", "b.png"],
    ):
        assert match_images(["x", "y"], images, names) == paths
    assert match_images(["caf\xe9", "b"], images) == {"caf\xe9": tmp_path / "1", "b": tmp_path / "2"}


def test_images_must_open(tmp_path):
    good = save(tmp_path / "good.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:-30])
    text = tmp_path / "text.png"
    text.write_text("hello")
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(deep)
    check_images({"good": good})
    with pytest.raises(DatasetError, match="2 images cannot be used: cut, text; cut: "):
        check_images({"good": good, "cut": cut, "text": text})
    with pytest.raises(DatasetError, match="deep: it has more than 8 bits a channel"):
        check_images({"deep": deep})


def test_decompression_bombs_are_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "bomb.png")
    with monkeypatch.context() as patch:
        patch.setattr(image_sources, "MOST_PIXELS", 10)
        with pytest.raises(DatasetError, match=r"bomb: it claims \d+ × \d+ pixels; at most 10 are accepted"):
            check_images({"bomb": path})
    # Pillow itself refuses more than twice its limit.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(DatasetError, match=r"bomb: .*decompression bomb"):
        check_images({"bomb": path})


def test_only_picture_decoders_see_the_files(tmp_path):
    path = tmp_path / "evil.png"
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(path, format="EPS")
    with pytest.raises(DatasetError, match="not an image, or an image of an unknown format"):
        check_images({"evil": path})


def test_images_of_other_formats_are_named(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "b.AVIF").write_bytes(b"x")
    # A copy beside an image that is read is not a stimulus of its own.
    (tmp_path / "a.heic").write_bytes(b"x")
    reason = r"^1 images in .* have a format that is not read: b\.AVIF; save them as PNG$"
    with pytest.raises(DatasetError, match=reason):
        collect_images(tmp_path, tmp_path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
        archive.write(tmp_path / "b.AVIF", "b.AVIF")
    (tmp_path / "scratch").mkdir()
    with pytest.raises(DatasetError, match=reason):
        collect_images(tmp_path / "x.zip", tmp_path / "scratch")


def test_a_jfif_file_is_a_jpeg(tmp_path):
    Image.new("L", (4, 4), 7).save(tmp_path / "a.jfif", "JPEG")
    assert list(collect_images(tmp_path, tmp_path)) == ["a.jfif"]
