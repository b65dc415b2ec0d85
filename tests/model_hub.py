"""A model hub on this machine: it answers as the real one does to what a download asks, and misbehaves on demand.

Questions on files go to the hub, which knows commit, hash and size and sends to a storage on another port; the storage
knows addresses that it signed, ranges and no tokens.
"""

import hashlib
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from huggingface_hub import constants, get_async_session
from safetensors.torch import save

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 2**14  # bytes written at once
WEIGHTS, CONFIG = "model.safetensors", "config.json"


@dataclass
class Asked:
    """One question."""

    method: str
    path: str
    range: str | None
    token: str | None
    agent: str | None

    @property
    def name(self):
        return self.path.partition("?")[0].rpartition("/")[2]


@dataclass
class ModelHub:
    """What is published, and how the hub behaves.

    `files` by "repository/name". `refusals` are (status, headers) that the hub gives before it answers properly;
    `cuts` are bytes after which the storage breaks the connection, one for each download; `speed` is in bytes per
    second; while `open` is not set the storage sends nothing more. `lies` replace what the storage sends, `claims` what
    the hub says of hash and size.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    speed: float | None = None
    open: threading.Event = field(default_factory=threading.Event)
    ranges: bool = True
    lies: dict[str, bytes] = field(default_factory=dict)
    claims: dict[str, dict[str, str]] = field(default_factory=dict)
    token: str | None = None
    asked: list[Asked] = field(default_factory=list)
    sending: int = 0  # storage answers under way
    sent: int = 0  # bytes of files
    hub_port: int = 0
    storage_port: int = 0

    def __post_init__(self):
        self.open.set()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.hub_port}"

    def publish(self, repository, content, config=None):
        self.files[f"{repository}/{WEIGHTS}"] = content
        if config is not None:
            self.files[f"{repository}/{CONFIG}"] = config

    def downloads(self, name=WEIGHTS):
        """Questions for the content of a file, in their order."""
        return [asked for asked in self.asked if asked.method == "GET" and asked.name == name]


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self):
        return self.server.hub

    def do_HEAD(self):
        self._note_and_answer()

    def do_GET(self):
        self._note_and_answer()

    def _note_and_answer(self):
        headers = self.headers
        self.hub.asked.append(
            Asked(self.command, self.path, headers["Range"], headers["Authorization"], headers["User-Agent"])
        )
        self.answer()

    def say(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class _Hub(_Answers):
    """Knows what is published."""

    def answer(self):
        hub = self.hub
        if hub.refusals:
            status, headers = hub.refusals.pop(0)
            self.say(status, headers)
            return
        if hub.token is not None and self.headers["Authorization"] != f"Bearer {hub.token}":
            words = "Access to this model is restricted. You must have access to it and be authenticated."
            self.say(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": words})
            return
        if "/resolve/main/" not in self.path:
            self.say(404, {})
            return
        owner, name, _, _, file = self.path.strip("/").split("/", 4)
        content = hub.files.get(f"{owner}/{name}/{file}")
        if content is None:
            known = any(key.startswith(f"{owner}/{name}/") for key in hub.files)
            code = "EntryNotFound" if known else "RepoNotFound"
            self.say(404, {"X-Error-Code": code, "X-Error-Message": "Not found", "X-Repo-Commit": COMMIT})
            return
        headers = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if file == CONFIG:  # small files are in the repository itself
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            self.say(200, headers | {"ETag": f'"{blob}"'} | hub.claims.get(file, {}), content)
            return
        headers |= {
            "X-Linked-Size": str(len(content)),
            "X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "ETag": '"of the redirection"',
            "Location": f"http://127.0.0.1:{hub.storage_port}/{owner}/{name}/{file}?signature=yes",
        }
        self.say(302, headers | hub.claims.get(file, {}))


class _Storage(_Answers):
    """Sends contents."""

    def answer(self):
        hub = self.hub
        address, _, signature = self.path.partition("?")
        assert signature == "signature=yes", "only addresses that the hub gave"
        name = address.rpartition("/")[2]
        content = hub.lies.get(name, hub.files[address.strip("/")])
        start = 0
        headers = {"ETag": '"of the storage"'}
        if hub.ranges and self.headers["Range"]:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.say(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.say(206 if start else 200, headers | {"Content-Length": str(len(content) - start)})
        if self.command == "GET":
            hub.sending += 1
            try:
                self._send(content[start:], hub.cuts.pop(0) if hub.cuts else None)
            finally:
                hub.sending -= 1

    def _send(self, content, cut):
        hub, began = self.hub, time.monotonic()
        piece = PIECE if hub.speed is None else max(1, min(PIECE, int(hub.speed / 50)))
        try:
            for place in range(0, len(content), piece):
                if cut is not None and place >= cut:
                    self.close_connection = True
                    return
                while not hub.open.wait(0.02):
                    if not self._heard():
                        return
                hub.sent += piece
                self.wfile.write(content[place : place + piece])
                if hub.speed is not None:
                    time.sleep(max(0.0, began + (place + piece) / hub.speed - time.monotonic()))
        except OSError:  # nobody listens any more
            self.close_connection = True

    def _heard(self):
        """Whether the other side is still there."""
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.connection.setblocking(True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Who gives up is no error; everything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def model_hub():
    """A hub that answers, as long as the block lasts."""
    hub = ModelHub()
    with ExitStack() as stack:
        for answers in (_Hub, _Storage):
            server = _Server(("127.0.0.1", 0), answers)
            server.hub = hub
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            if answers is _Hub:
                hub.hub_port = server.server_port
            else:
                hub.storage_port = server.server_port
        stack.callback(hub.open.set)
        yield hub


def point_to(monkeypatch, hub, cache):
    """Let the program of this process use a hub and an empty cache; what it imports for that is imported then."""
    assert callable(get_async_session)
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache.parent / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "FAST3DIS_WEIGHTS"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


def use_endpoint(monkeypatch, address):
    """As HF_ENDPOINT does before the program starts."""
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")


def environment(hub, home):
    """Variables for a program of its own."""
    return {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1", "HF_TOKEN": ""}


def small_weights(extra=300_000):
    """Bytes recognized as size small: the tensors that tell sizes apart, and so many values of ballast."""
    return save(
        {
            "model.backbone.pretrained.patch_embed.proj.weight": torch.zeros(384, 3, 14, 14),
            "model.backbone.pretrained.blocks.11.norm1.weight": torch.zeros(384),
            "model.cam_dec.fc_t.weight": torch.zeros(3, 768),
            "model.head.norm.weight": torch.randn(extra),
        }
    )
