import dataclasses
import hashlib
import logging

import pytest

from file_server import serving
from wiringup.core.errors import BusyError, InputError, MissingDataError, WiringupError
from wiringup.core.progress import Progress
from wiringup.data.sources import download as downloading
from wiringup.data.sources import fetch as fetching
from wiringup.data.sources.addresses import SOURCES, Source, SourceFile
from wiringup.data.sources.download import download
from wiringup.data.sources.fetch import check_whole, fetch, fetch_command

CONTENT = bytes(range(256)) * 1200
GITHUB = "https://raw.githubusercontent.com/"
STORAGE = "https://brainscore-storage.s3.amazonaws.com/brainio-brainscore/"
HOSTS = (GITHUB, STORAGE, "https://brainio-brainscore.s3.amazonaws.com/", "https://s3.amazonaws.com/brainio.")


@pytest.fixture
def server():
    with serving({"/upstream/name.bin": CONTENT}) as running:
        yield running


def file_at(server, digest=None, mirrors=()):
    address, *others = (f"{server.address}/{path}" for path in ("upstream/name.bin", *mirrors))
    digest = digest or hashlib.sha256(CONTENT).hexdigest()
    return SourceFile("a.bin", digest, len(CONTENT), address, mirrors=tuple(others))


def a_source(*files):
    return Source("toy", "Toy numbers", "nowhere.example", "CC0", "Nobody (2020).", files)


@pytest.fixture
def toy(monkeypatch):
    """Make a source called toy of the given files, and downloads that do not wait."""

    def make(*files):
        monkeypatch.setattr(fetching, "find_source", lambda name: a_source(*files))

    monkeypatch.setattr(downloading.time, "sleep", lambda seconds: None)
    return make


def test_download_whole_with_progress(server, tmp_path):
    with Progress() as shown:
        download(file_at(server), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert shown.done["fetch"] == shown.planned["fetch"] == pytest.approx(len(CONTENT) / 1e6)
    assert [p.name for p in tmp_path.glob("[!.]*")] == ["a.bin"]


def test_download_continues_a_part(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    download(file_at(server), tmp_path / "a.bin")
    assert server.ranges == ["bytes=1000-"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_download_of_a_complete_part_needs_no_bytes(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    download(file_at(server), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_download_starts_again_where_ranges_are_ignored(server, tmp_path):
    server.ranges_honoured = False
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    download(file_at(server), tmp_path / "a.bin")
    assert len(server.ranges) == 1
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_foreign_part_is_thrown_away(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"something else")
    download(file_at(server), tmp_path / "a.bin")
    assert server.ranges == ["bytes=14-", None]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_broken_connection_and_busy_server_are_tried_again(server, tmp_path):
    server.errors, server.cuts = [503], [70_000]
    download(file_at(server), tmp_path / "a.bin", pause_seconds=0)
    assert server.ranges == [None, None, "bytes=70000-"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_wrong_hash_leaves_nothing(server, tmp_path):
    with pytest.raises(
        InputError, match=r"name\.bin is not the expected file: its sha256 is .* Nothing was kept"
    ):
        download(file_at(server, "0" * 64), tmp_path / "a.bin")
    assert list(tmp_path.glob("[!.]*")) == []


def test_one_process_at_a_time_fetches_a_file(server, tmp_path, monkeypatch):
    """Another one that began meanwhile would write into the same part."""
    gathered, told = downloading._gather, []

    def beside_another(url, part, pause_seconds):
        monkeypatch.undo()
        gathered(url, part, pause_seconds)
        with pytest.raises(BusyError, match=r"Another process is fetching .*a\.bin\. When it is done"):
            download(file_at(server), tmp_path / "a.bin")
        told.append(part.read_bytes() == CONTENT)

    monkeypatch.setattr(downloading, "_gather", beside_another)
    download(file_at(server), tmp_path / "a.bin")
    assert told == [True] and len(server.ranges) == 1
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    download(file_at(server), tmp_path / "a.bin")  # who has ended holds nothing


def test_a_refusal_is_final(server, tmp_path):
    server.errors = [404]
    with pytest.raises(ConnectionError, match="cannot be downloaded: 404 Not Found"):
        download(file_at(server), tmp_path / "a.bin")
    assert len(server.ranges) == 1


def test_interrupted_downloads_keep_their_part(server, tmp_path):
    server.cuts = [70_000, 0, 0, 0]
    with pytest.raises(
        ConnectionError, match=r"after 4 attempts \(the connection broke off after 70000 of 307200"
    ):
        download(file_at(server), tmp_path / "a.bin", pause_seconds=0)
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:70_000]


def test_sha1_where_the_publisher_gives_no_other(server, tmp_path):
    download(file_at(server, hashlib.sha1(CONTENT).hexdigest()), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"its sha1 is [0-9a-f]{40}, not 0{40}"):
        download(file_at(server, "0" * 40), tmp_path / "b.bin")
    assert not (tmp_path / "b.bin").exists()


def test_mirrors_are_tried_in_order(server, tmp_path):
    server.files = {"/second?versionId=1": CONTENT[::-1], "/third": CONTENT, "/fourth": CONTENT}
    file = file_at(server, mirrors=("second?versionId=1", "third", "fourth"))
    download(file, tmp_path / "a.bin")
    assert server.asked == ["/upstream/name.bin", "/second?versionId=1", "/third"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_part_of_one_address_is_continued_at_the_next(server, tmp_path):
    server.files["/mirror"] = CONTENT
    server.errors = [403]
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    download(file_at(server, mirrors=("mirror",)), tmp_path / "a.bin")
    assert (server.asked[-1], server.ranges[-1]) == ("/mirror", "bytes=1000-")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_every_refusal_is_told(server, tmp_path):
    server.errors, server.files["/old"] = [403], CONTENT[:-1]
    with pytest.raises(
        ConnectionError, match=r"name\.bin cannot be downloaded: 403.*old is not the expected"
    ):
        download(file_at(server, mirrors=("old",)), tmp_path / "a.bin")
    assert list(tmp_path.glob("[!.]*")) == []


def test_a_busy_server_gives_way_to_a_mirror(server, tmp_path):
    server.errors, server.files["/mirror"] = [503] * 4, CONTENT
    download(file_at(server, mirrors=("mirror",)), tmp_path / "a.bin", pause_seconds=0)
    assert len(server.asked) == 5
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_without_a_connection_no_mirror_is_waited_for(tmp_path):
    file = SourceFile("a.bin", "0" * 40, url="http://127.0.0.1:9/a", mirrors=("http://127.0.0.1:9/b",))
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9/a after 4 attempts") as caught:
        download(file, tmp_path / "a.bin", pause_seconds=0)
    assert "/b" not in str(caught.value)


def test_fetch_announces_before_it_downloads(server, toy, tmp_path, monkeypatch, caplog):
    toy(file_at(server))
    caplog.set_level(logging.INFO, "wiringup")
    before = []
    downloaded = fetching.download
    monkeypatch.setattr(
        fetching, "download", lambda *file: before.extend(caplog.messages) or downloaded(*file)
    )
    assert fetch("toy", tmp_path) == [tmp_path / "toy" / "a.bin"]
    told = "\n".join(before)
    for fact in ("Toy numbers", "nowhere.example", "CC0", "0.3 MB in 1 file", "Nobody (2020)."):
        assert fact in told
    assert "1 fetched, 0 already there" in caplog.messages[-1]


def test_fetch_keeps_what_is_verified_and_replaces_what_is_not(server, toy, tmp_path, caplog):
    toy(file_at(server))
    fetch("toy", tmp_path)
    caplog.set_level(logging.INFO, "wiringup")
    fetch("toy", tmp_path)
    assert len(server.ranges) == 1
    assert "0 fetched, 1 already there" in caplog.messages[-1]
    path = tmp_path / "toy" / "a.bin"
    path.write_bytes(CONTENT[:-1] + b"?")
    fetch("toy", tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_file_that_was_damaged_after_it_was_fetched_is_named(server, toy, tmp_path):
    toy(file_at(server))
    check_whole("toy", tmp_path)  # none there
    fetch("toy", tmp_path)
    check_whole("toy", tmp_path)
    path = tmp_path / "toy" / "a.bin"
    path.write_bytes(bytes([CONTENT[0] ^ 1]) + CONTENT[1:])
    with pytest.raises(InputError, match=r"Damaged.*a\.bin\. Bring them back .*wiringup fetch toy"):
        check_whole("toy", tmp_path)


def test_fetch_without_network_suggests_a_folder(toy, tmp_path):
    toy(SourceFile("a.bin", "0" * 64, 3, "http://127.0.0.1:9/a.bin"))
    with pytest.raises(
        WiringupError, match=r"No download from .*Without a network.*wiringup fetch toy --from DIR"
    ):
        fetch("toy", tmp_path)


def test_fetch_without_address_says_where_the_data_come_from(tmp_path):
    with pytest.raises(MissingDataError, match=r"osf\.io/gwtcs.*wiringup fetch henaff2021 --from DIR"):
        fetch("henaff2021", tmp_path)


def test_fetch_from_folder_by_name_or_by_content(toy, tmp_path):
    files = [
        SourceFile(n, hashlib.sha256(c).hexdigest(), len(c))
        for n, c in (("a.bin", b"aaa"), ("b.bin", b"bbb"))
    ]
    toy(*files)
    stick = tmp_path / "stick"
    (stick / "deep" / "er").mkdir(parents=True)
    (stick / "a.bin").write_bytes(b"xyz")
    (stick / "deep" / "a.bin").write_bytes(b"aaa")
    (stick / "deep" / "er" / "other name").write_bytes(b"bbb")
    paths = fetch("toy", tmp_path / "home", from_dir=stick)
    assert [p.read_bytes() for p in paths] == [b"aaa", b"bbb"]


def test_without_a_recorded_size_other_names_are_found_by_suffix(toy, tmp_path, caplog):
    caplog.set_level(logging.INFO, "wiringup")
    toy(SourceFile("a.nc", hashlib.sha1(b"aaa").hexdigest()))
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "older name.nc").write_bytes(b"aaa")
    (path,) = fetch("toy", tmp_path, from_dir=tmp_path / "stick")
    assert path.read_bytes() == b"aaa"
    assert "  size:     unknown in 1 file" in caplog.messages


def test_fetch_from_folder_copies_all_or_nothing(toy, tmp_path):
    good, bad = (SourceFile(n, hashlib.sha256(b"aaa").hexdigest(), 3) for n in ("a.bin", "b.bin"))
    gone = SourceFile("c.bin", "0" * 64, 5)
    toy(good, dataclasses.replace(bad, digest="1" * 64), gone)
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "a.bin").write_bytes(b"aaa")
    (stick / "b.bin").write_bytes(b"bad")
    with pytest.raises(
        InputError, match=r"Nothing was copied.*b\.bin is not the expected b\.bin.*no file below .* c\.bin"
    ):
        fetch("toy", tmp_path / "home", from_dir=stick)
    assert list((tmp_path / "home" / "toy").iterdir()) == []
    with pytest.raises(MissingDataError, match=r"There is no folder .*nowhere"):
        fetch("toy", tmp_path / "home", from_dir=tmp_path / "nowhere")


def test_a_part_of_a_source_needs_only_its_files(tmp_path, shared):
    paths = fetch("cowley2023.190923", tmp_path, from_dir=shared / "data")
    assert [p.name for p in paths] == ["images_190923.zip", "responses_repeat_averaged_190923.npy"]


def test_upstream_names_are_recognised(tmp_path, shared):
    """The session's raw and averaged responses have one name upstream; the hash tells them apart."""
    original = shared / "data" / "cowley2023"
    clone = tmp_path / "clone" / "data_V4_responses"
    for folder, file in (
        ("responses_raw", "responses_raw_210325.npy"),
        ("avg", "responses_repeat_averaged_210325.npy"),
    ):
        (clone / folder).mkdir(parents=True)
        (clone / folder / "responses_210325.npy").write_bytes((original / file).read_bytes())
    (clone / "images_210325.zip").write_bytes((original / "images_210325.zip").read_bytes())
    paths = fetch("cowley2023.210325", tmp_path / "home", from_dir=clone)
    assert [p.read_bytes() == (original / p.name).read_bytes() for p in paths] == [True] * 3


@pytest.mark.parametrize("name", ["weight-compression", "cifar10h"])
def test_whole_sources_from_the_shared_folder(tmp_path, shared, name):
    paths = fetch(name, tmp_path, from_dir=shared)
    assert len(paths) == len(SOURCES[name].files)
    assert all(p.parent == tmp_path / name for p in paths)


def test_unwritable_home(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WiringupError, match=r"Cannot write to .*Set WIRINGUP_DATA"):
        fetch("cifar10", tmp_path / "file")


def test_unknown_part(tmp_path):
    with pytest.raises(InputError, match=r"Unknown part of cowley2023 '21325'. Did you mean '210325'\?"):
        fetch("cowley2023.21325", tmp_path)


def test_unknown_source(tmp_path):
    with pytest.raises(InputError, match=r"Unknown data source 'cowly2023'. Did you mean 'cowley2023'\?"):
        fetch("cowly2023", tmp_path)


def test_full_disk_while_downloading(server, toy, tmp_path, monkeypatch):
    toy(file_at(server))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloading, "_copy", full)
    with pytest.raises(WiringupError, match="No space left to write"):
        fetch("toy", tmp_path)


def test_every_source_is_complete():
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.licence and source.citation and source.origin
        assert source.public or all(f.size for f in source.files)
        for file in source.files:
            assert len(bytes.fromhex(file.digest)) == {"sha256": 32, "sha1": 20}[file.algorithm]
            assert all(url.startswith(HOSTS) for url in file.addresses)
    assert fetch_command(SOURCES["cowley2023"]) == "wiringup fetch cowley2023"
    assert fetch_command(SOURCES["cifar10h"]) == "wiringup fetch cifar10h --from DIR"


def test_addresses_and_hashes_are_those_of_the_reference(shared):
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (shared / "reference" / "SOURCES.md").read_text().splitlines()
        if line.startswith("|")
    ]
    listed = {f"https://raw.githubusercontent.com/{r[1]}/{r[2]}/{r[3]}": r[4] for r in rows}
    files = [f for source in SOURCES.values() for f in source.files if f.url]
    ours = {f.url: f.digest for f in files if f.url.startswith(GITHUB)}
    assert len(ours) == 5 + 18 + 2 + 2
    assert ours.items() <= listed.items()
