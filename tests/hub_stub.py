"""A hub on the loopback interface: the endpoints of the Hugging Face hub's HTTP API that huggingface_hub calls to make
a repository, commit files to it (small ones in the commit, large ones by LFS) and fetch them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

TOKEN = "hf_of_the_test"
LICENCES = ("apache-2.0", "mit", "cc0-1.0", "unknown", "other")


@dataclass
class Repository:
    """commits: by hash, what each holds, (content, whether by LFS) by name. branches: name to hash."""

    private: bool
    commits: dict[str, dict[str, tuple[bytes, bool]]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, message: str, files: dict[str, tuple[bytes, bool]]) -> str:
        held = {**self.commits.get(self.branches.get(branch, ""), {}), **files}
        name = hashlib.sha1(f"{len(self.commits)} {message} {sorted(held)}".encode()).hexdigest()
        self.commits[name], self.branches[branch] = held, name
        self.messages.append(message)
        return name


@dataclass
class Hub:
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)  # by sha256
    asked: list[str] = field(default_factory=list)  # "METHOD path" of every request


class _Refused(Exception):
    """status, the hub's code of the error if it has one, its words, and what else is in the answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: Any) -> None: ...

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        self.path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {self.path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = b"".join(iter(self._chunk, b""))
        try:
            for command, pattern, handle in ROUTES:
                if self.command in command.split() and (found := re.fullmatch(pattern, self.path)):
                    return handle(self, *found.groups())
            raise _Refused(404, "", f"the stub has no {self.command} {self.path}")
        except _Refused as error:
            status, code, words, *more = error.args
            self._send({"error": words, **dict(*more)}, status, {"X-Error-Code": code, "X-Error-Message": words})

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        piece = self.rfile.read(size)
        self.rfile.readline()
        return piece

    def _send(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        given = {"Content-Length": str(len(text)), "Content-Type": "application/json", **(headers or {})}
        for name, value in given.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _may_write(self, org: str) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise _Refused(401, "", "Invalid username or password.")
        if org == "others":
            raise _Refused(403, "", "You don't have the rights to write there")

    def _repository(self, name: str) -> Repository:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and self.headers.get("Authorization") != f"Bearer {TOKEN}"):
            raise _Refused(401, "RepoNotFound", "Repository not found")
        if name.startswith("gated/"):
            raise _Refused(403, "GatedRepo", "Access to this repository is restricted")
        return found

    def _held(self, name: str, revision: str) -> tuple[str, dict[str, tuple[bytes, bool]]]:
        repository = self._repository(name)
        commit = repository.branches.get(revision, revision)
        if commit not in repository.commits:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repository.commits[commit]

    # ── what the library asks ────────────────────────────────────────

    def create_repo(self) -> None:
        asked = json.loads(self.body)
        self._may_write(asked["organization"])
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            raise _Refused(409, "", "You already created this model repo", {"url": f"{self.hub.url}/{name}"})
        private = asked.get("visibility") == "private" or asked.get("private") is True
        self.hub.repositories[name] = made = Repository(private)
        made.commit("main", "initial commit", {".gitattributes": (b"*.safetensors filter=lfs\n", False)})
        self._send({"url": f"{self.hub.url}/{name}", "name": name})

    def create_branch(self, name: str, branch: str) -> None:
        repository = self._repository(name)
        self._may_write(name.partition("/")[0])
        if branch in repository.branches:
            raise _Refused(409, "", "Reference already exists")
        repository.branches[branch] = repository.branches["main"]
        self._send({})

    def validate_card(self) -> None:
        _, *head = json.loads(self.body)["content"].split("---\n", 2)
        licence = yaml.safe_load(head[0])["license"] if head else "unknown"
        wrong = [] if licence in LICENCES else [{"message": f'"license" must be one of {", ".join(LICENCES)}'}]
        self._send({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    def preupload(self, name: str, revision: str) -> None:
        self._may_write(name.partition("/")[0])
        files = [
            {"path": file["path"], "shouldIgnore": False, "uploadMode": self._mode(file["path"])}
            for file in json.loads(self.body)["files"]
        ]
        self._send({"files": files})

    @staticmethod
    def _mode(path: str) -> str:
        return "lfs" if path.endswith(".safetensors") else "regular"

    def lfs_batch(self, name: str) -> None:
        self._may_write(name.partition("/")[0])
        upload = [
            {**each, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}", "header": {}}}}
            for each in json.loads(self.body)["objects"]
        ]
        self._send({"transfer": "basic", "objects": upload})

    def lfs_put(self, digest: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != digest:
            raise _Refused(400, "", "not what was announced")
        self.hub.large[digest] = self.body
        self._send({})

    def commit(self, name: str, revision: str) -> None:
        self._may_write(name.partition("/")[0])
        message, files = "", {}
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                message = value["summary"]
            elif item["key"] == "file":
                files[value["path"]] = (base64.b64decode(value["content"]), False)
            elif item["key"] == "lfsFile":
                files[value["path"]] = (self.hub.large[value["oid"]], True)
        commit = self._repository(name).commit(revision, message, files)
        self._send({"commitUrl": f"{self.hub.url}/{name}/commit/{commit}", "commitOid": commit, "success": True})

    def model_info(self, name: str, revision: str | None) -> None:
        commit, held = self._held(name, revision or "main")
        siblings = [{"rfilename": file} for file in held]
        private = self._repository(name).private
        self._send({"_id": "0", "id": name, "modelId": name, "sha": commit, "private": private, "siblings": siblings})

    def tree(self, name: str, revision: str) -> None:
        _, held = self._held(name, revision)
        self._send([_entry(file, *content) for file, content in held.items()])

    def resolve(self, name: str, revision: str, file: str) -> None:
        commit, held = self._held(name, revision)
        if file not in held:
            raise _Refused(404, "EntryNotFound", "Entry not found")
        content, by_lfs = held[file]
        entry = _entry(file, content, by_lfs)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{entry["oid"]}"', "Content-Type": "application/octet-stream"}
        if by_lfs:
            headers |= {"X-Linked-Etag": f'"{entry["lfs"]["oid"]}"', "X-Linked-Size": str(len(content))}
        self._send(content, headers=headers)


def _entry(path: str, content: bytes, by_lfs: bool) -> dict[str, Any]:
    """As the tree of a repository lists a file: git has a pointer in the place of a large one."""
    digest = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n".encode()
    stored = pointer if by_lfs else content
    oid = hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()
    lfs = {"lfs": {"oid": digest, "size": len(content), "pointerSize": len(pointer)}} if by_lfs else {}
    return {"type": "file", "path": path, "oid": oid, "size": len(content), **lfs}


NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = (
    ("POST", "/api/repos/create", _Handler.create_repo),
    ("POST", f"/api/models/{NAME}/branch/(.+)", _Handler.create_branch),
    ("POST", "/api/validate-yaml", _Handler.validate_card),
    ("POST", f"/api/models/{NAME}/preupload/(.+)", _Handler.preupload),
    ("POST", rf"/{NAME}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    ("PUT", "/lfs/([0-9a-f]{64})", _Handler.lfs_put),
    ("POST", f"/api/models/{NAME}/commit/(.+)", _Handler.commit),
    ("GET", f"/api/models/{NAME}(?:/revision/(.+))?", _Handler.model_info),
    ("GET", f"/api/models/{NAME}/tree/(.+)", _Handler.tree),
    ("HEAD GET", f"/{NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
)


@contextmanager
def stub() -> Iterator[Hub]:
    """A hub that answers at `.url` until the end of the block."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked_at(url: str, monkeypatch: pytest.MonkeyPatch, cache: Path | None = None) -> None:
    """Until the end of the test huggingface_hub asks the hub at `url`, with TOKEN, and caches below `cache`."""
    library = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: wmzoo[hub]")
    library.close_session()  # with what it keeps open to a hub of before, whose port this one may have
    settings = {"ENDPOINT": url, "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}"}
    settings |= {"HF_HUB_DISABLE_XET": True, "HF_HUB_OFFLINE": False}
    settings |= {"HF_HUB_CACHE": str(cache)} if cache else {}
    for name, value in settings.items():
        monkeypatch.setattr(library.constants, name, value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
