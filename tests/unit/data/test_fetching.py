import dataclasses
import hashlib
import http.server
import threading

import pytest

from wiringup.core.errors import InputError, MissingDataError, WiringupError
from wiringup.data import download as downloading
from wiringup.data import fetch as fetching
from wiringup.data.download import download
from wiringup.data.fetch import fetch, fetch_command
from wiringup.data.sources import SOURCES, Source, SourceFile

CONTENT = bytes(range(256)) * 1200


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT, honours Range, and breaks off or refuses as often as the server is told."""

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        if server.errors:
            self.send_error(server.errors.pop(0))
            return
        start = (
            int(self.headers["Range"].removeprefix("bytes=").rstrip("-")) if "Range" in self.headers else 0
        )
        if not server.ranges_honoured:
            start = 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else len(body)
        self.wfile.write(body[:cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.ranges, running.errors, running.cuts, running.ranges_honoured = [], [], [], True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def file_at(server, sha256=None):
    address = f"http://127.0.0.1:{server.server_port}/upstream/name.bin"
    return SourceFile("a.bin", sha256 or hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), address)


def a_source(*files):
    return Source("toy", "Toy numbers", "nowhere.example", "CC0", "Nobody (2020).", files)


@pytest.fixture
def toy(monkeypatch):
    """Make a source called toy of the given files, and downloads that do not wait."""

    def make(*files):
        monkeypatch.setattr(fetching, "find_source", lambda name: a_source(*files))

    monkeypatch.setattr(downloading.time, "sleep", lambda seconds: None)
    return make


def quiet(line):
    pass


def test_download_whole_with_progress(server, tmp_path):
    seen = []
    download(file_at(server), tmp_path / "a.bin", lambda *state: seen.append(state))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert seen[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


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
        InputError, match=r"name\.bin is not the expected file: its SHA-256 is .* Nothing was kept"
    ):
        download(file_at(server, "0" * 64), tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


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


def test_fetch_announces_before_it_downloads(server, toy, tmp_path):
    toy(file_at(server))
    lines = []
    progress = lambda *state: lines.append("bytes")  # noqa: E731
    assert fetch("toy", tmp_path, report=lines.append, progress=progress) == [tmp_path / "toy" / "a.bin"]
    first = lines.index("bytes")
    told = "\n".join(lines[:first])
    for fact in ("Toy numbers", "nowhere.example", "CC0", "0.3 MB in 1 file", "Nobody (2020)."):
        assert fact in told
    assert "1 fetched, 0 already there" in lines[-1]


def test_fetch_keeps_what_is_verified_and_replaces_what_is_not(server, toy, tmp_path):
    toy(file_at(server))
    fetch("toy", tmp_path, report=quiet)
    lines = []
    fetch("toy", tmp_path, report=lines.append)
    assert len(server.ranges) == 1
    assert "0 fetched, 1 already there" in lines[-1]
    path = tmp_path / "toy" / "a.bin"
    path.write_bytes(CONTENT[:-1] + b"?")
    fetch("toy", tmp_path, report=quiet)
    assert path.read_bytes() == CONTENT


def test_fetch_without_network_suggests_a_folder(toy, tmp_path):
    toy(SourceFile("a.bin", "0" * 64, 3, "http://127.0.0.1:9/a.bin"))
    with pytest.raises(
        WiringupError, match=r"No download from .*Without a network.*wiringup fetch toy --from DIR"
    ):
        fetch("toy", tmp_path, report=quiet)


def test_fetch_without_address_says_where_the_data_come_from(tmp_path):
    with pytest.raises(MissingDataError, match=r"osf\.io/gwtcs.*wiringup fetch henaff2021 --from DIR"):
        fetch("henaff2021", tmp_path, report=quiet)


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
    paths = fetch("toy", tmp_path / "home", from_dir=stick, report=quiet)
    assert [p.read_bytes() for p in paths] == [b"aaa", b"bbb"]


def test_fetch_from_folder_copies_all_or_nothing(toy, tmp_path):
    good, bad = (SourceFile(n, hashlib.sha256(b"aaa").hexdigest(), 3) for n in ("a.bin", "b.bin"))
    gone = SourceFile("c.bin", "0" * 64, 5)
    toy(good, dataclasses.replace(bad, sha256="1" * 64), gone)
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "a.bin").write_bytes(b"aaa")
    (stick / "b.bin").write_bytes(b"bad")
    with pytest.raises(
        InputError, match=r"Nothing was copied.*b\.bin is not the expected b\.bin.*no file below .* c\.bin"
    ):
        fetch("toy", tmp_path / "home", from_dir=stick, report=quiet)
    assert list((tmp_path / "home" / "toy").iterdir()) == []
    with pytest.raises(MissingDataError, match=r"There is no folder .*nowhere"):
        fetch("toy", tmp_path / "home", from_dir=tmp_path / "nowhere", report=quiet)


def test_a_part_of_a_source_needs_only_its_files(tmp_path, shared):
    paths = fetch("cowley2023.190923", tmp_path, from_dir=shared / "data", report=quiet)
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
    paths = fetch("cowley2023.210325", tmp_path / "home", from_dir=clone, report=quiet)
    assert [p.read_bytes() == (original / p.name).read_bytes() for p in paths] == [True] * 3


@pytest.mark.parametrize("name", ["weight-compression", "cifar10h"])
def test_whole_sources_from_the_shared_folder(tmp_path, shared, name):
    paths = fetch(name, tmp_path, from_dir=shared, report=quiet)
    assert len(paths) == len(SOURCES[name].files)
    assert all(p.parent == tmp_path / name for p in paths)


def test_unwritable_home(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WiringupError, match=r"Cannot write to .*Set WIRINGUP_DATA"):
        fetch("cifar10", tmp_path / "file", report=quiet)


def test_unknown_source(tmp_path):
    with pytest.raises(InputError, match=r"Unknown data source 'cowly2023'. Did you mean 'cowley2023'\?"):
        fetch("cowly2023", tmp_path, report=quiet)


def test_full_disk_while_downloading(server, toy, tmp_path, monkeypatch):
    toy(file_at(server))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloading, "_copy", full)
    with pytest.raises(WiringupError, match="No space left to write"):
        fetch("toy", tmp_path, report=quiet)


def test_every_source_is_complete():
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.licence and source.citation and source.origin
        assert source.public or all(f.size for f in source.files)
        for file in source.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.url is None or file.url.startswith("https://raw.githubusercontent.com/")
    assert fetch_command(SOURCES["cowley2023"]) == "wiringup fetch cowley2023"
    assert fetch_command(SOURCES["cifar10h"]) == "wiringup fetch cifar10h --from DIR"


def test_addresses_and_hashes_are_those_of_the_reference(shared):
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (shared / "reference" / "SOURCES.md").read_text().splitlines()
        if line.startswith("|")
    ]
    listed = {f"https://raw.githubusercontent.com/{r[1]}/{r[2]}/{r[3]}": r[4] for r in rows}
    ours = {f.url: f.sha256 for source in SOURCES.values() for f in source.files if f.url}
    assert len(ours) == 5 + 18 + 2 + 2
    assert ours.items() <= listed.items()
