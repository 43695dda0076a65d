from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from smalti.scheduler.streams.readers.spikes import tree


def test_a_folder_and_its_zip_hold_the_same(tmp_path: Path) -> None:
    files = {"Train/0/a.bin": b"one", "Train/1/b.BIN": b"two", "readme.md": b"three"}
    for name, content in files.items():
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("__MACOSX/c.bin", b"")
    for path in ("all", "all.zip"):
        with tree.opened(str(tmp_path / path), (".bin",), "files") as opened:
            assert opened.names == ("Train/0/a.bin", "Train/1/b.BIN")
            assert [opened.read(name) for name in opened.names] == [b"one", b"two"]


@pytest.mark.parametrize("name", ["../a.bin", "x/../../a.bin", "/a.bin", "..\\a.bin", "C:/a.bin"])
def test_paths_that_lead_out_of_a_zip_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(name, b"one")
    with pytest.raises(ValueError, match=r"all\.zip: .* leads out of the folder; zip the folder anew"):
        tree.opened(str(tmp_path / "all.zip"), (".bin",), "files").__enter__()


def test_what_is_no_such_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text")
    (tmp_path / "empty").mkdir()
    for path, message in {
        "": "stream.path is empty; give recordings",
        str(tmp_path / "none"): "there is no such file or folder; give recordings",
        str(tmp_path / "plain"): "plain: this is neither a folder nor a zip; give recordings",
        str(tmp_path / "empty"): r"empty: there is no file that ends in \.bin, \.npy; give recordings",
    }.items():
        with pytest.raises(ValueError, match=message):
            tree.opened(path, (".bin", ".npy"), "recordings").__enter__()


def test_what_becomes_too_large_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0/a.bin", bytes(200 * 2**20))
    with pytest.raises(ValueError, match=r"all\.zip would take 200.0 MiB"):
        tree.opened(str(tmp_path / "all.zip"), (".bin",), "files").__enter__()
