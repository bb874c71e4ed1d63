"""What is pushed is the bundle and a card that the hub takes, and nothing else that lies beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from forked import Forked
from hub_stub import TOKEN, Hub, stub
from omegaconf import OmegaConf
from short_run import SHORT_RUN

import wmzoo
from wmzoo.cli.main import main
from wmzoo.runs.recorder import SilentRecorder
from wmzoo.storage.package_data import data_dir

NAME = "cartpole_swingup-mlp"  # of the catalogue
BUNDLE = {"model.safetensors", "config.yaml", "README.md"}


def held(hub: Hub, name: str, branch: str = "main") -> dict[str, bytes]:
    repository = hub.repositories[name]
    files = repository.commits[repository.branches[branch]]
    return {file: content for file, (content, _) in files.items() if not file.startswith(".")}


def metadata(card: bytes) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(card.decode().split("---\n")[1])
    return found


def test_what_was_pushed_acts_as_what_was_there_when_it_is_loaded_and_when_it_is_pulled(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["push", NAME, "me/cartpole", "--licence", "MIT", "--message", "the baseline", "--private"]) == 0
    commit = hub.repositories["me/cartpole"].branches["main"]
    assert f'wmzoo.load("hf:me/cartpole@{commit}") loads it' in capsys.readouterr().out
    assert hub.repositories["me/cartpole"].private and hub.repositories["me/cartpole"].messages[-1] == "the baseline"
    assert set(held(hub, "me/cartpole")) == BUNDLE
    assert main(["pull", "me/cartpole"]) == 0
    assert f"hf:me/cartpole is at commit {commit}" in capsys.readouterr().out
    mine, obs = wmzoo.load(NAME), torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    for place in ("hf:me/cartpole", f"hf:me/cartpole@{commit}", "cartpole"):
        found = wmzoo.load(place)
        assert torch.equal(found.act(obs), mine.act(obs))
        z, a = found.world_model.encode(obs), found.act(obs)
        assert all(map(torch.equal, found.world_model.step(z, a), mine.world_model.step(z, a)))
        assert found.cfg.checkpoint.origin.hub == f"hf:me/cartpole@{commit}"
        assert found.cfg.checkpoint.origin.result == mine.cfg.checkpoint.origin.result


@pytest.mark.slow
def test_a_branch_is_made_for_a_revision_and_holds_what_was_pushed_to_it(hub: Hub, tmp_path: Path) -> None:
    agent = wmzoo.load(NAME)
    agent.save(tmp_path / "one")
    assert main(["push", str(tmp_path / "one"), "me/cartpole"]) == 0
    with torch.no_grad():
        next(agent.parameters()).add_(1)
    agent.save(tmp_path / "two")
    assert main(["push", str(tmp_path / "two"), "me/cartpole", "--revision", "v2"]) == 0
    first, second = (next(wmzoo.load(f"hf:me/cartpole{at}").parameters()) for at in ("", "@v2"))
    assert torch.allclose(second - first, torch.ones(())) and [*hub.repositories["me/cartpole"].branches] == [
        "main",
        "v2",
    ]


def test_what_else_lies_in_the_folder_stays_there_and_is_named(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data_dir("checkpoints") / NAME, tmp_path / "mine")
    for name in ("resume.json", "resume.safetensors", "policy.pkl", "my_dynamics.py"):
        (tmp_path / "mine" / name).write_bytes(b"nobody's business")
    assert main(["push", str(tmp_path / "mine"), "me/cartpole"]) == 0
    assert set(held(hub, "me/cartpole")) == BUNDLE
    assert "left out: my_dynamics.py, policy.pkl, resume.json, resume.safetensors" in capsys.readouterr().out
    assert not any(
        b"nobody's business" in content for content in [*hub.large.values(), *held(hub, "me/cartpole").values()]
    )


def test_a_model_that_nobody_evaluated_has_a_card_without_a_result(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wmzoo.build_agent(wmzoo.compose(["size=tiny", "dynamics=flow"]), obs_dim=5, act_dim=1).save(tmp_path / "fresh")
    assert main(["push", str(tmp_path / "fresh"), "me/fresh"]) == 0
    card = held(hub, "me/fresh")["README.md"]
    assert "model-index" not in metadata(card) and metadata(card)["license"] == "unknown"
    assert "its card tells no result" in capsys.readouterr().out
    assert b'wmzoo.load("hf:me/fresh")' in card and b"\n# me/fresh\n" in card


def test_a_licence_that_the_hub_does_not_know_is_told_in_its_words_and_nothing_is_committed(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", NAME, "me/cartpole", "--licence", "my own"]) == 2
    assert '"license" must be one of apache-2.0' in capsys.readouterr().err
    assert held(hub, "me/cartpole") == {}


def test_a_branch_is_given_as_an_option(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", NAME, "me/cartpole@v2"]) == 2
    assert "say the branch with --revision v2" in capsys.readouterr().err and not hub.asked


def test_a_training_starts_from_the_hub_and_its_config_names_the_commit(hub: Hub, tmp_path: Path) -> None:
    cfg = wmzoo.compose([*SHORT_RUN, "dynamics=mlp", "env=toy", "trainer.buffer_size=400", "init_from=hf:me/toy@main"])
    fresh = OmegaConf.merge(cfg, {"init_from": None, "seed": 5})
    first, _ = wmzoo.build_trainer(fresh, lambda agent: SilentRecorder(lambda: False))
    first.agent.save(tmp_path / "mine")
    assert main(["push", str(tmp_path / "mine"), "me/toy"]) == 0
    second, settled = wmzoo.build_trainer(cfg, lambda agent: SilentRecorder(lambda: False))
    assert settled.init_from == f"hf:me/toy@{hub.repositories['me/toy'].branches['main']}"
    assert torch.equal(next(second.agent.parameters()), next(first.agent.parameters()))


@pytest.mark.slow
def test_the_environment_variables_of_the_library_say_where_the_hub_is_and_who_asks(tmp_path: Path) -> None:
    """Without the fixture: another process, which reads them itself."""
    with stub() as hub:
        settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}

        def wmzoo_command(*words: str, **more: str) -> tuple[int, str]:
            log = tmp_path / "log"
            log.unlink(missing_ok=True)
            return Forked(["wmzoo", *words], log, tmp_path, settings | more).wait(120), log.read_text()

        code, said = wmzoo_command("push", NAME, "me/cartpole", HF_TOKEN="hf_of_somebody")
        assert code == 2 and len(said.splitlines()) == 1 and "HF_TOKEN" in said
        assert wmzoo_command("push", NAME, "me/cartpole", HF_TOKEN=TOKEN)[0] == 0
        assert wmzoo_command("pull", "me/cartpole", "mine")[0] == 0
        asked = len(hub.asked)
        assert wmzoo_command("pull", "me/cartpole", "again", HF_HUB_OFFLINE="1")[0] == 0 and len(hub.asked) == asked
    for file in ("model.safetensors", "config.yaml", "README.md"):
        assert (tmp_path / "mine" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert (tmp_path / "home" / "hub" / "models--me--cartpole").is_dir()
