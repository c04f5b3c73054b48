"""Listing of what is to be prepared, and downloads."""

import errno
import http.server
import os
import socket
import sys
import threading
from pathlib import Path

import fsspec
import pytest

from drummernet.errors import InputError
from drummernet.stems import remote
from drummernet.stems.sources import Source, list_sources, local_file

CONTENT = bytes(range(256)) * 5000


def listed(*sources: str | Path) -> dict[str, Source]:
    found = list(list_sources([str(source) for source in sources]))
    assert len({source.location for source in found}) == len(found)
    return {source.path: source for source in found}


def make(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def problems(found: dict[str, Source]) -> dict[str, tuple[str, str]]:
    return {path: source.problem for path, source in found.items() if source.problem}


def test_every_file_of_a_folder_in_a_fixed_order(tmp_path):
    names = [
        "b/c.wav",
        "b.txt",
        "a.WAV",
        "b/.hidden",
        "z",
        "ドラム/" + "n" * 200 + ".mp3",
        "a[1].wav",
        "b/x/y/z.csv",
    ]
    for number, name in enumerate(names):
        make(tmp_path / name, b"x" * number)
    found = list(list_sources([f"{tmp_path}/"]))
    assert [source.path for source in found] == [
        "a.WAV", "a[1].wav", "b/.hidden", "b/c.wav", "b/x/y/z.csv", "b.txt", "z", names[5],
    ]  # fmt: skip
    for source in found:
        assert source.problem is None
        assert source.origin == str(tmp_path)
        status = Path(source.location).stat()
        assert source.size_bytes == status.st_size == names.index(source.path)
        assert source.modified == str(status.st_mtime_ns)
        with local_file(source, tmp_path) as path:
            assert path == tmp_path / source.path


@pytest.mark.skipif(os.name != "posix", reason="links, pipes and names of any bytes")
def test_links_loops_pipes_and_odd_names(tmp_path):
    make(tmp_path / "in" / "deep" / "a.wav")
    make(tmp_path / "outside" / "b.wav")
    odd = os.fsdecode(b"\xff\n.wav")
    make(tmp_path / "in" / odd)
    (tmp_path / "in" / "deep" / "up").symlink_to("..")
    (tmp_path / "in" / "linked").symlink_to("../outside")
    (tmp_path / "in" / "linked again").symlink_to("../outside")
    (tmp_path / "in" / "broken.wav").symlink_to("nowhere")
    (tmp_path / "in" / "self.wav").symlink_to("self.wav")
    os.mkfifo(tmp_path / "in" / "pipe.wav")
    (tmp_path / "in" / "device.wav").symlink_to("/dev/zero")
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(tmp_path / "in" / "socket.wav"))
    found = listed(tmp_path / "in")
    server.close()
    special = ("unreadable", "not a file but a device, a pipe or a socket")
    assert problems(found) == {
        "broken.wav": ("unreadable", "a link to nothing"),
        "self.wav": ("unreadable", os.strerror(errno.ELOOP)),
        "pipe.wav": special,
        "device.wav": special,
        "socket.wav": special,
    }
    assert found.keys() - problems(found).keys() == {"deep/a.wav", "linked/b.wav", odd}
    assert os.fsencode(found[odd].location) == os.fsencode(tmp_path / "in") + b"/\xff\n.wav"


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    make(tmp_path / "closed" / "a.wav")
    make(tmp_path / "open.wav")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    # As an ordinary user would meet it; root may list every folder.
    monkeypatch.setattr(os, "scandir", guarded)
    for pattern in (tmp_path, f"{tmp_path}/*", f"{tmp_path}/**/*.wav"):
        found = listed(pattern)
        detail = "the folder cannot be listed: Permission denied"
        assert problems(found) == {"closed": ("unreadable", detail)}
        assert set(found) == {"closed", "open.wav"}
    with pytest.raises(InputError, match=r"closed: source: the folder cannot be listed: Permission denied"):
        list_sources([str(tmp_path / "closed")])


def test_single_files_patterns_and_names_with_brackets(tmp_path, monkeypatch):
    for name in (
        "one/a.wav",
        "one/b.flac",
        "two/a.wav",
        "two/deep/c.wav",
        "two/.d.wav",
        "x[1].wav",
        "x1.wav",
    ):
        make(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two" / "loop").symlink_to(tmp_path)
    expected = {
        "x[1].wav": {"x[1].wav"},  # a file of that name is not a pattern
        "x[12].wav": {"x1.wav"},
        "./one/a.wav": {"a.wav"},
        "*/a.wav": {"one/a.wav", "two/a.wav"},
        "t?o/*.wav": {"two/a.wav"},
        "**/*.wav": {"one/a.wav", "two/a.wav", "two/deep/c.wav", "x[1].wav", "x1.wav"},
        "**/deep/**": {"two/deep/c.wav"},
        "two/.*": {".d.wav"},
        "on*": {"one/a.wav", "one/b.flac"},
        "[ot]*/../x1.wav": {"one/../x1.wav", "two/../x1.wav"},
    }
    for pattern, paths in expected.items():
        assert set(listed(pattern)) == paths, pattern
        assert {source.origin for source in listed(pattern).values()} == {os.path.normpath(pattern)}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "nowhere: source: No such file or directory"),
        ("n" * 5000, "nnn: source: File name too long"),
        ("nowhere.txt", r"nowhere\.txt: source: No such file"),
        ("*.wav", r"\*\.wav: source: no such file or folder, and nothing fits"),
        ("nofs://bucket/a", "nofs://bucket/a: protocol: Protocol not known: nofs"),
        ("zip://a::file:///b.zip", r"protocol: chained URLs"),
        ("memory://nothing", "memory://nothing: folder: "),
        ("s3://bucket", "s3://bucket: protocol: Install s3fs"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_at_once(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if source.startswith("s3"):
        monkeypatch.setitem(sys.modules, "s3fs", None)  # which is how an import fails
    make(tmp_path / "good.flac")
    with pytest.raises(InputError, match=message):
        list_sources(["good.flac", source])


def test_a_location_is_listed_once(tmp_path):
    make(tmp_path / "a.wav")
    make(tmp_path / "sub" / "b.wav")
    (tmp_path / "alias").symlink_to(tmp_path)
    make(tmp_path / "list.csv", b"path,style\nsub/b.wav,rock\nalias/sub/b.wav,jazz\n./sub/../sub/b.wav,pop\n")
    found = listed(tmp_path / "sub", tmp_path, tmp_path / "alias", f"{tmp_path}/*.wav", tmp_path / "list.csv")
    assert {path: source.style for path, source in found.items()} == {
        "sub/b.wav": "rock",
        "a.wav": "",
        "list.csv": "",
    }


def test_text_manifest(tmp_path):
    make(tmp_path / "crawl" / "a b.wav", b"123")
    make(tmp_path / "crawl" / "sub" / "ü.wav")
    make(tmp_path / "crawl" / "50%.wav")
    text = (
        "\ufeff# stems\r\n\r\n  a b.wav \r\nsub/ü.wav\n50%.wav\nhttps://host.example/c.wav?x=1\ngone.wav\nsub\n"
        + "y" * 300
    )
    manifest = make(tmp_path / "crawl" / "list.txt", text.encode())
    found = listed(manifest)
    assert set(found) == {
        "a b.wav",
        "sub/ü.wav",
        "50%.wav",
        "https://host.example/c.wav?x=1",
        "gone.wav",
        "sub",
        "y" * 300,
    }
    assert {source.origin for source in found.values()} == {str(manifest)}
    assert found["a b.wav"].location == str(tmp_path / "crawl" / "a b.wav")
    assert found["a b.wav"].size_bytes == 3
    remote_file = found["https://host.example/c.wav?x=1"]
    assert (remote_file.location, remote_file.size_bytes, remote_file.modified) == (
        remote_file.path,
        None,
        "",
    )
    assert problems(found) == {
        "gone.wav": ("unreadable", "line 7: No such file or directory"),
        "sub": ("unreadable", "line 8: a folder, not a file"),
        "y" * 300: ("unreadable", f"line 9: {os.strerror(errno.ENAMETOOLONG)}"),
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_manifest(tmp_path, encoding, delimiter):
    rows = [
        ["Path", "url", "other", "license", "source", "style", "provenance"],
        ['"a, ""b"";.wav"', "", "1", "CC0", "freesound", "rock", '"two\r\nlines"'],
        ["", "http://host.example/b.wav", "2", "", "", "", ""],
        ["", "", "", "", "", "", ""],
        ["", "", "3", "", "", "jazz", ""],
        ["c.wav"],
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    make(tmp_path / 'a, "b";.wav')
    manifest = make(tmp_path / "list.CSV", text.encode(encoding))
    first, second, third, fourth = list_sources([str(manifest)])
    assert (first.origin, first.style, first.licence) == ("freesound", "rock", "CC0")
    assert (first.path, first.provenance) == ('a, "b";.wav', "two\r\nlines")
    assert first.problem is None
    assert (second.origin, second.location) == (str(manifest), "http://host.example/b.wav")
    assert third.problem == ("unreadable", "line 6: names no path or URL")
    assert fourth.problem == ("unreadable", "line 7: No such file or directory")


def test_manifests_that_cannot_be_read(tmp_path):
    manifest = make(tmp_path / "list.csv", b"file,style\na.wav,rock\n")
    with pytest.raises(
        InputError, match=r"list\.csv: line 1: has no column 'path' or 'url', but file, style"
    ):
        list_sources([str(manifest)])
    make(manifest, b"")
    with pytest.raises(InputError, match=r"list\.csv: line 1: has no column .*, but none"):
        list_sources([str(manifest)])
    # A quote that is never closed swallows the rest; what stands before it is still there.
    make(tmp_path / "a.wav")
    make(manifest, b'path\na.wav\n"b.wav\n' + b"x" * 140_000)
    first, *rest = list_sources([str(manifest)])
    assert first.problem is None
    assert rest[0].problem[0] == "unreadable"
    assert rest[0].problem[1].startswith("line 3: field larger than")


REFUSED = [
    "/etc/passwd",
    "../outside.wav",
    "sub/../../outside.wav",
    "link.wav",
    "linked/outside.wav",
    "%2e%2e/outside.wav",
    "..%2Foutside.wav",
    "%252e%252e%252foutside.wav",
    "%2Fetc%2Fpasswd",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "file%3A///etc/passwd",
    "local:///etc/passwd",
    "dir:///etc",
    "reference:///etc",
    "data:audio/wav;base64,AAAA",
    "memory://a.wav",
    "simplecache::file:///etc/passwd",
    "zip://a.wav::https://host.example/a.zip",
    "https://host.example/a::file:///etc/passwd",
    "nofs://host/a.wav",
    "..\\outside.wav",
    "C:\\windows\\win.ini",
    "\\\\server\\share\\a.wav",
    "a\0b.wav",
]


def test_what_leads_outside_of_a_manifest_is_refused_by_name(tmp_path):
    outside = make(tmp_path / "outside.wav")
    folder = tmp_path / "crawl"
    make(folder / "sub" / "in.wav")
    (folder / "link.wav").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "inner").symlink_to("sub")
    fine = ["sub/in.wav", "inner/../sub/in.wav", "inner/in.wav", str(folder / "sub" / "in.wav")]
    manifest = make(folder / "list.txt", "\n".join(REFUSED + fine).encode())
    found = list(list_sources([str(manifest)]))
    assert len(found) == len(REFUSED) + 1
    for number, (text, source) in enumerate(zip(REFUSED, found, strict=False), start=1):
        reason, detail = source.problem
        assert reason == "refused", text
        assert detail.startswith(f"line {number}: {text!r} ")
    assert found[-1].location == str(folder / "sub" / "in.wav")
    assert found[-1].problem is None


def test_a_folder_of_another_file_system(tmp_path):
    files = fsspec.filesystem("memory")
    files.pipe({"/stems/a.wav": b"12", "/stems/deep/b c%41?.wav": CONTENT})
    try:
        found = listed("memory://stems")
        assert set(found) == {"a.wav", "deep/b c%41?.wav"}
        assert found["a.wav"].size_bytes == 2
        assert found["a.wav"].modified
        one = found["deep/b c%41?.wav"]
        with local_file(one, tmp_path) as path:
            assert path.read_bytes() == CONTENT
            assert path.parent == tmp_path
        assert not list(tmp_path.iterdir())
        assert set(listed("memory://stems/a.wav")) == {"a.wav"}
        files.rm("/stems/a.wav")
        with (
            pytest.raises(InputError, match=r"memory://stems/a\.wav: file: "),
            local_file(found["a.wav"], tmp_path),
        ):
            pass
    finally:
        files.rm("/stems", recursive=True)


def test_a_file_url_on_the_command_line_is_a_path(tmp_path):
    make(tmp_path / "a.wav")
    found = listed(f"file://{tmp_path}")
    assert found["a.wav"].location == str(tmp_path / "a.wav")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        times = self.server.asked.count(self.path)
        redirects = {
            "/local": "file:///etc/passwd",
            "/other": "/good.wav",
            "/twice": "/local",
            "/ftp": "ftp://127.0.0.1/a",
            "/round": "/round",
        }
        if self.path in redirects:
            self.send_response(302)
            self.send_header("Location", redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        missing = {"/gone": 404, "/forbidden": 403, "/broken": 503}.get(self.path)
        if missing or (self.path == "/flaky" and times < 3):
            self.send_error(missing or 503)
            return
        self.send_response(200)
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        try:
            self.wfile.write(CONTENT[:1000] if self.path == "/short" else CONTENT)
            if self.path == "/silent":
                self.server.released.wait(5)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(remote, "RETRY_SECONDS", 0.01)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.released = threading.Event()
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


def source_at(server: http.server.HTTPServer, path: str) -> Source:
    (source,) = list_sources([f"http://127.0.0.1:{server.server_port}{path}"])
    return source


@pytest.mark.parametrize(
    ("path", "requests"), [("/good.wav", 1), ("/other", 2), ("/flaky", 3), ("/endless", 1)]
)
def test_downloads(server, tmp_path, path, requests):
    source = source_at(server, path)
    assert server.asked == []  # before it is fetched
    assert (source.path, source.size_bytes) == (path[1:], None)
    with local_file(source, tmp_path) as copy:
        assert copy.read_bytes() == CONTENT
        assert copy.parent == tmp_path
    assert not list(tmp_path.iterdir())
    assert len(server.asked) == requests


@pytest.mark.parametrize(
    ("path", "field", "problem", "requests"),
    [
        ("/local", "refused", "redirects to 'file:///etc/passwd'", 1),
        ("/twice", "refused", "redirects to 'file:///etc/passwd'", 2),
        ("/ftp", "refused", "redirects to 'ftp://127.0.0.1/a'", 1),
        ("/round", "file", "TooManyRedirects", 10),
        ("/gone", "file", "FileNotFoundError", 1),
        ("/forbidden", "file", "403", 1),
        ("/broken", "file", "503", remote.ATTEMPTS),
        ("/short", "file", "1280000", remote.ATTEMPTS),
    ],
)
def test_downloads_that_fail_are_named(server, tmp_path, path, field, problem, requests):
    source = source_at(server, path)
    with pytest.raises(InputError) as caught, local_file(source, tmp_path):
        pass
    where, named, text = caught.value.args
    assert (where.startswith("http://127.0.0.1"), named) == (True, field)
    assert problem in text
    assert "\n" not in text
    assert not list(tmp_path.iterdir())
    assert len(server.asked) == requests


def test_a_server_that_is_not_there_or_says_nothing(server, tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        source = Source("x", "y", f"http://127.0.0.1:{unused.getsockname()[1]}/a.wav", None, "")
        with pytest.raises(InputError, match=r"a\.wav: file: .*[Cc]onnect"), local_file(source, tmp_path):
            pass
    monkeypatch.setattr(remote, "QUIET_SECONDS", 0.2)
    monkeypatch.setattr(remote, "_MOST_BYTES", 10**6)
    with (
        pytest.raises(InputError, match=r"endless: file: .*more than 1000000 bytes"),
        local_file(source_at(server, "/endless"), tmp_path),
    ):
        pass


def test_a_full_disk_is_not_the_fault_of_the_file(server, tmp_path, monkeypatch):
    fills = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full(*_: object, **__: object) -> None:
        raise fills

    monkeypatch.setattr(remote, "_fetch", full)
    with (
        pytest.raises(OSError, match="No space left") as caught,
        local_file(source_at(server, "/good.wav"), tmp_path),
    ):
        pass
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError), local_file(source_at(server, "/good.wav"), tmp_path / "nowhere"):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_disk_that_fills_while_a_file_comes(server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote.uuid, "uuid4", lambda: type("Name", (), {"hex": "x"}))
    (tmp_path / ".download-x").symlink_to("/dev/full")
    with (
        pytest.raises(OSError, match="No space left") as caught,
        local_file(source_at(server, "/good.wav"), tmp_path),
    ):
        pass
    assert caught.value.errno == errno.ENOSPC


def test_a_copy_is_removed_when_the_work_on_it_fails(server, tmp_path):
    with pytest.raises(NotADirectoryError), local_file(source_at(server, "/good.wav"), tmp_path) as copy:
        copy.joinpath("below").read_bytes()
    assert not list(tmp_path.iterdir())
