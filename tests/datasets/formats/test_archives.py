"""Archives that could do harm are refused, by the name of the member, before anything is unpacked."""

import stat
import struct
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from neuroalign.errors import ArchiveError
from neuroalign.files import archives
from neuroalign.files.archives import open_archive, unpack_files

SUFFIXES = (".png",)


def png(value=0):
    buffer = BytesIO()
    Image.fromarray(np.full((4, 4), value, dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def zipped(tmp_path):
    """Make an archive of (name or ZipInfo, content) beside one harmless image."""

    def make(*members, compression=zipfile.ZIP_STORED):
        path = tmp_path / "images.zip"
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("good.png", png())
            for name, content in members:
                archive.writestr(name, content)
        return path

    return make


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "unpacked"
    made.mkdir()
    return made


def special(name, kind):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


def patch(path, old, new):
    """Change bytes that zipfile would not write."""
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path


HOSTILE = [
    ("../evil.png", "leaves the folder"),
    ("a/../../evil.png", "leaves the folder"),
    ("..\\evil.png", "leaves the folder"),
    ("/etc/evil.png", "absolute path"),
    ("\\\\host\\evil.png", "absolute path"),
    ("C:\\evil.png", "absolute path"),
    ("c:evil.png", "absolute path"),
    ("evil\n.png", "control character"),
    ("../../evil.sh", "leaves the folder"),
]


@pytest.mark.parametrize(("name", "fault"), HOSTILE)
def test_bad_names_are_refused(zipped, folder, name, fault):
    with pytest.raises(ArchiveError, match=fault) as caught:
        unpack_files(zipped((name, png())), folder, SUFFIXES)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_name_with_a_zero_byte_is_refused(zipped, folder):
    path = patch(zipped(("evilX.png", png())), b"evilX.png", b"evil\0.png")
    with pytest.raises(ArchiveError, match="control character"):
        unpack_files(path, folder, SUFFIXES)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (stat.S_IFLNK, "is a link"),
        (stat.S_IFIFO, "is a special file"),
        (stat.S_IFCHR, "is a special file"),
        (stat.S_IFSOCK, "is a special file"),
    ],
)
def test_links_and_special_files_are_refused(zipped, folder, kind, fault):
    with pytest.raises(ArchiveError, match=f"'evil.png' {fault}"):
        unpack_files(zipped((special("evil.png", kind), "/etc/passwd")), folder, SUFFIXES)
    assert list(folder.iterdir()) == []


def test_encrypted_members_are_refused(zipped, folder):
    path = zipped(("secret.png", png()))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
    entry = content.index(b"secret.png", directory) - 46
    content[entry + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ArchiveError, match=r"'secret.png' is encrypted"):
        unpack_files(path, folder, SUFFIXES)
    assert list(folder.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["good.png", "GOOD.png", "./good.png"])
def test_duplicates_are_refused(zipped, folder, name):
    with pytest.raises(ArchiveError, match="is there twice"):
        unpack_files(zipped((name, png(9))), folder, SUFFIXES)
    assert list(folder.iterdir()) == []


def test_members_that_grow_absurdly_are_refused(zipped, folder):
    path = zipped(("bomb.png", bytes(20_000_000)), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 50_000
    with pytest.raises(ArchiveError, match=r"'bomb.png' would grow 1,0\d\d times"):
        unpack_files(path, folder, SUFFIXES)
    assert list(folder.iterdir()) == []


def test_archives_that_grow_absurdly_in_total_are_refused(zipped, folder):
    # each member stays below the size from which the ratio of one counts
    members = [(f"{i}.png", bytes(1_000_000)) for i in range(5)]
    path = zipped(*members, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match=r"unpack to \d+ times its size"):
        unpack_files(path, folder, SUFFIXES)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "value", "fault"),
    [
        ("MAX_MEMBERS", 2, "has 3 members; at most 2"),
        ("MAX_MEMBER_BYTES", 10, "'good.png' would unpack to"),
        ("MAX_TOTAL_BYTES", 100, "would unpack to 2"),
    ],
)
def test_limits(zipped, folder, monkeypatch, limit, value, fault):
    monkeypatch.setattr(archives, limit, value)
    with pytest.raises(ArchiveError, match=fault):
        unpack_files(zipped(("a.png", png()), ("b.png", png())), folder, SUFFIXES)
    assert list(folder.iterdir()) == []


def test_stated_sizes_are_not_believed(zipped, folder):
    path = zipped()
    size = len(png())
    # the directory understates the size: only that much is read, and its checksum is wrong
    path = patch(
        path, struct.pack("<I", size) + struct.pack("<H", 8), struct.pack("<I", 5) + struct.pack("<H", 8)
    )
    with pytest.raises(ArchiveError, match=r"good\.png|damaged"):
        unpack_files(path, folder, SUFFIXES)


def test_damaged_archives(tmp_path, zipped, folder):
    path = tmp_path / "broken.zip"
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ArchiveError, match="cannot read the archive"), open_archive(path):
        pass
    good = zipped().read_bytes()
    (tmp_path / "cut.zip").write_bytes(good[: len(good) // 2])
    with pytest.raises(ArchiveError, match="cannot read the archive"):
        unpack_files(tmp_path / "cut.zip", folder, SUFFIXES)
    flipped = bytearray(good)
    flipped[60] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(bytes(flipped))
    with pytest.raises(ArchiveError, match=r"'good\.png' is damaged"):
        unpack_files(tmp_path / "flipped.zip", folder, SUFFIXES)


def test_only_wanted_and_visible_members_are_taken(zipped, folder):
    path = zipped(
        ("faces/", ""),
        ("faces/b.PNG", png(1)),
        ("notes.txt", "hello"),
        ("run.sh", "rm -rf"),
        (".hidden.png", png()),
        ("__MACOSX/._good.png", b"rubbish"),
        ("deep/.git/x.png", png()),
    )
    unpacked = unpack_files(path, folder, SUFFIXES)
    assert list(unpacked) == ["faces/b.PNG", "good.png"]
    assert unpacked["faces/b.PNG"].read_bytes() == png(1)
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "000001.png"]


def test_sparse_rasters_are_not_taken_for_bombs(zipped, folder):
    rng = np.random.default_rng(0)
    rows = "\n".join(",".join(map(str, (rng.random(800) < 0.02).astype(int))) for _ in range(1000))
    path = zipped(("site.csv", rows), compression=zipfile.ZIP_DEFLATED)
    assert list(unpack_files(path, folder, (".csv",))) == ["site.csv"]
