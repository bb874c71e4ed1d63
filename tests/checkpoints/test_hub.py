"""Files go to the hub and come back as they were, at the commit that is named; what goes wrong is told in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_stub import TOKEN, Hub, asked_at

from wmzoo.checkpoints import hub as module
from wmzoo.checkpoints.hub import Reference, commit_of, fetch, others, parse, upload
from wmzoo.errors import DamagedFile, WmzooError

NAMES = ("model.safetensors", "config.yaml")


def folder(place: Path, weights: bytes = b"weights") -> Path:
    place.mkdir(exist_ok=True)
    (place / "model.safetensors").write_bytes(weights)
    (place / "config.yaml").write_bytes(b"size: " + weights)
    return place


def head(hub: Hub, name: str, branch: str = "main") -> str:
    return hub.repositories[name].branches[branch]


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("hf:me/walker", "me/walker", None),
        ("me/walker", "me/walker", None),
        ("hf:me/walker-2.1@v1.0", "me/walker-2.1", "v1.0"),
        ("me/walker@refs/pr/3", "me/walker", "refs/pr/3"),
    ],
)
def test_a_repository_is_named_with_or_without_its_revision(text: str, repo: str, revision: str | None) -> None:
    assert parse(text) == Reference(repo, revision) and str(parse(text)).endswith(text)


@pytest.mark.parametrize(
    "text", ["walker", "hf:", "hf:me/walker@", "me/walker/model", "https://hub/me/walker", "me/a b"]
)
def test_what_is_no_repository_is_told_how_one_is_named(text: str) -> None:
    with pytest.raises(WmzooError, match="a repository of the hub is org/name"):
        parse(text)


def test_what_is_uploaded_is_fetched_and_the_folder_tells_its_commit(hub: Hub, tmp_path: Path) -> None:
    commit = upload(folder(tmp_path / "mine"), NAMES, parse("me/walker"), message="first")
    assert commit == head(hub, "me/walker") and hub.repositories["me/walker"].messages[-1] == "first"
    found = fetch(parse("me/walker"), NAMES)
    assert {name: (found / name).read_bytes() for name in os.listdir(found)} == {
        name: (tmp_path / "mine" / name).read_bytes() for name in NAMES
    }
    assert commit_of(found) == Reference("me/walker", commit)
    assert commit_of(tmp_path / "mine") is None and commit_of(Path()) is None


def test_a_commit_a_branch_and_the_newest_are_each_what_they_were(hub: Hub, tmp_path: Path) -> None:
    first = upload(folder(tmp_path / "mine", b"one"), NAMES, parse("me/walker"))
    upload(folder(tmp_path / "mine", b"two"), NAMES, parse("me/walker@v2"))
    upload(folder(tmp_path / "mine", b"three"), NAMES, parse("me/walker"))
    wanted = {None: b"three", first: b"one", "v2": b"two", "main": b"three"}
    for revision, content in wanted.items():
        assert (fetch(Reference("me/walker", revision), NAMES) / NAMES[0]).read_bytes() == content


def test_other_files_are_told_and_not_fetched(hub: Hub, tmp_path: Path) -> None:
    upload(folder(tmp_path / "mine"), NAMES, parse("me/walker"))
    hub.repositories["me/walker"].commit("main", "more", {"pytorch_model.bin": (b"a pickle", True)})
    found = fetch(parse("me/walker"), NAMES)
    assert sorted(os.listdir(found)) == sorted(NAMES)
    assert others(parse("me/walker"), NAMES) == ["pytorch_model.bin"]
    assert not any("pytorch_model.bin" in path for path in hub.asked)


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_the_cache_that_is_not_the_hubs_is_named(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, offline: bool
) -> None:
    upload(folder(tmp_path / "mine"), NAMES, parse("me/walker"))
    blob = (fetch(parse("me/walker"), NAMES) / name).resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    with pytest.raises(DamagedFile, match=f"{name}: damaged: its hash is not the hub's; delete {blob} and load it"):
        fetch(parse("me/walker"), NAMES)
    blob.unlink()
    if offline:
        with pytest.raises(WmzooError, match=r"HF_HUB_OFFLINE is set|delete this link"):
            fetch(parse("me/walker"), NAMES)
    else:
        assert (fetch(parse("me/walker"), NAMES) / name).is_file()


def test_what_was_fetched_is_there_offline_and_nobody_is_asked(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(folder(tmp_path / "mine"), NAMES, parse("me/walker"))
    found, asked = fetch(parse("me/walker"), NAMES), len(hub.asked)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fetch(parse("me/walker"), NAMES) == found
    assert fetch(Reference("me/walker", head(hub, "me/walker")), NAMES) == found
    assert others(parse("me/walker"), NAMES) == [] and len(hub.asked) == asked
    with pytest.raises(WmzooError, match="HF_HUB_OFFLINE is set: unset it"):
        fetch(parse("me/hopper"), NAMES)
    with pytest.raises(WmzooError, match="HF_HUB_OFFLINE is set: unset it"):
        upload(tmp_path / "mine", NAMES, parse("me/walker"))


def nobody(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_at("http://127.0.0.1:9", monkeypatch)  # discard: nobody listens


def no_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nonexistent")
    monkeypatch.delenv("HF_TOKEN")


def not_installed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)


def as_it_is(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None: ...


Change = Callable[[Hub, pytest.MonkeyPatch], None]


@pytest.mark.parametrize(
    ("change", "text", "told"),
    [
        (as_it_is, "me/hopper", "no such repository, or a private one: check its name, or log in with `hf auth login`"),
        (no_token, "me/walker", "no such repository, or a private one.*HF_TOKEN"),
        (as_it_is, "me/walker@v7", "no such revision of it: give a branch, a tag or a commit"),
        (as_it_is, "gated/walker", "asks for consent before it is read"),
        (as_it_is, "me/-walker-", "me/-walker-: "),
        (nobody, "me/walker", "not in the cache .* and http://127.0.0.1:9 does not answer: check the network"),
        (not_installed, "me/walker", r'hub is not installed: pip install "wmzoo\[hub\]"'),
    ],
)
def test_what_cannot_be_fetched_is_told_with_the_mend(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, text: str, told: str
) -> None:
    upload(folder(tmp_path / "mine"), NAMES, parse("me/walker"), private=True)
    hub.repositories["gated/walker"] = hub.repositories["me/walker"]
    change(hub, monkeypatch)
    with pytest.raises(WmzooError, match=told) as caught:
        fetch(parse(text), NAMES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "text", "told"),
    [
        (no_token, "me/walker", "the hub knows no such token, or none was given: log in with `hf auth login`"),
        (as_it_is, "others/walker", "this token may not do that"),
        (nobody, "me/walker", "asking http://127.0.0.1:9 failed .*: check the network"),
        (not_installed, "me/walker", r'pip install "wmzoo\[hub\]"'),
        (as_it_is, "me/public", "is there already, and public: make it private there"),
    ],
)
def test_what_cannot_be_uploaded_is_told_with_the_mend(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, text: str, told: str
) -> None:
    mine = folder(tmp_path / "mine")
    public = upload(mine, NAMES, parse("me/public"))
    change(hub, monkeypatch)
    with pytest.raises(WmzooError, match=told) as caught:
        upload(mine, NAMES, parse(text), private=True)
    assert "\n" not in str(caught.value)
    assert [*hub.repositories] == ["me/public"] and head(hub, "me/public") == public


def test_whoever_has_no_token_sees_what_is_public(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(folder(tmp_path / "mine"), NAMES, parse("me/walker"))
    no_token(hub, monkeypatch)
    assert (fetch(parse("me/walker"), NAMES) / NAMES[0]).read_bytes() == b"weights"
    assert TOKEN not in os.environ.values()


def test_the_hubs_own_words_are_told_where_it_has_any(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(folder(tmp_path / "mine"), NAMES, parse("me/walker"))
    monkeypatch.setattr("hub_stub.ROUTES", ())
    with pytest.raises(WmzooError, match=r"the hub answers 404: the stub has no POST /api/repos/create"):
        upload(tmp_path / "mine", NAMES, parse("me/walker"))


def test_a_disk_that_is_full_is_no_fault_of_the_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device", "/cache/blob")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(WmzooError, match="/cache/blob: No space left on device; free some space"):
        fetch(parse("me/walker"), NAMES)
    assert module.PREFIX == "hf:"
