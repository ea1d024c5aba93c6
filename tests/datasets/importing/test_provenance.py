import hashlib

from neuroalign.datasets.importing.provenance import checksums, sha256


def test_a_file_has_the_digest_of_its_bytes(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "x.npy") == digest
    assert checksums(responses=[tmp_path / "x.npy"], images=[None]) == [
        {"role": "responses", "name": "x.npy", "sha256": digest}
    ]


def test_a_folder_has_the_digest_of_names_and_contents(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"1", b"2"))
    expected = hashlib.sha256(f"a\0{one}\nb/c\0{two}\n".encode()).hexdigest()
    assert sha256(tmp_path) == expected
    (tmp_path / "a").rename(tmp_path / "d")
    assert sha256(tmp_path) != expected
