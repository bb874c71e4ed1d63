"""`wmzoo evaluate` on a policy that does nothing, in an environment that pays its seed."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from wmzoo.checkpoints.write import save, save_in_run
from wmzoo.cli.evaluate import describe
from wmzoo.cli.main import main
from wmzoo.compute.rng import seed_of
from wmzoo.errors import WmzooError
from wmzoo.runs import Run

CFG = OmegaConf.create(
    {
        "seed": 5,
        "device": "cpu",
        "threads": 1,
        "model": {"latent_dim": 8},
        "eval": {"episodes": 3},
        "env": {"name": "dmc", "task": "payday"},
        "dynamics": {"name": "mlp"},
    }
)


class Still(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.zeros(1))
        self.actor = torch.nn.Identity()

    def act(self, obs, task=None, deterministic=True):
        return self.scale.expand(len(obs), 1)


class Payday:
    """One step; environment i pays seed % 100 + i."""

    episode_length = 1

    def __init__(self, num_envs):
        self.num_envs = num_envs

    def reset(self, seed):
        self.seed = seed
        return torch.zeros(self.num_envs, 1)

    def step(self, actions):
        yes = torch.ones(self.num_envs, dtype=torch.bool)
        pay = self.seed % 100 + torch.arange(self.num_envs).float()
        return SimpleNamespace(obs=pay, final_obs=pay, reward=pay, terminated=~yes, truncated=yes, success=None)

    def check_rendering(self):
        raise WmzooError("nothing to draw with")

    def close(self):
        pass


def device_of(cfg):
    if cfg.get("device", "cpu") != "cpu":
        raise WmzooError(f"no {cfg.device} here")
    return torch.device("cpu")


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("wmzoo.agent.load.build_agent", lambda cfg, obs_dim, act_dim: Still())
    for place in ("wmzoo.envs.build", "wmzoo.runs.film"):
        monkeypatch.setattr(f"{place}.build_env", lambda cfg, num_envs: Payday(num_envs))
    monkeypatch.setattr("wmzoo.compute.device.device_of", device_of)
    monkeypatch.setattr("wmzoo.compute.device.arithmetic", lambda cfg: nullcontext(1))
    with Run(tmp_path / "run", CFG) as run:
        pay = seed_of(5, "evaluation") % 100
        run.log({"iteration": 20, "env_steps": 640, "eval_return": pay + 1.0})
        save_in_run(run.folder, Still(), CFG, 1, 1, iteration=20, env_steps=640)
    return tmp_path / "run"


def evaluate(*words):
    return main(["evaluate", *(str(word) for word in words)])


def test_by_default_it_repeats_what_the_run_recorded(run_folder, capsys):
    assert evaluate(run_folder) == 0
    out = capsys.readouterr().out
    assert "over 3 episodes" in out and "(the same)" in out and "00000020" in out


def test_json_is_the_whole_output_and_the_same_is_kept_in_the_run(run_folder, capsys):
    evaluate(run_folder, "--episodes", 2, "--seed", 1207, "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["returns"] == [7.0, 8.0] and (result["mean"], result["std"]) == (7.5, 0.5)
    assert result["iteration"] == 20 and result["env_steps"] == 640 and result["recorded"] is None
    [file] = (run_folder / "eval").iterdir()
    assert file.name == "00000020-n2-s1207.json" and json.loads(file.read_text()) == result


def test_a_bundle_outside_a_run_is_evaluated_and_nothing_is_written(run_folder, tmp_path, capsys):
    save(tmp_path / "shared", Still(), CFG, 1, 1)
    evaluate(tmp_path / "shared")
    assert "over 3 episodes" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "shared").iterdir()} == {"config.yaml", "model.safetensors"}


def test_without_rendering_the_numbers_still_come_with_one_line_about_the_video(run_folder, tmp_path, capsys):
    assert evaluate(run_folder, "--video", tmp_path / "v.mp4") == 0
    printed = capsys.readouterr()
    assert printed.out.index("over 3 episodes") < printed.out.index("no video: nothing to draw with")
    assert not (tmp_path / "v.mp4").exists()


def test_a_run_of_a_gpu_is_evaluated_on_the_cpu_where_there_is_none_and_one_line_says_so(run_folder, tmp_path, capsys):
    save(tmp_path / "gpu", Still(), OmegaConf.merge(CFG, {"device": "cuda"}), 1, 1)
    assert evaluate(tmp_path / "gpu") == 0
    printed = capsys.readouterr()
    assert "device=cuda is not on this machine; evaluating on cpu" in printed.err and printed.err.count("\n") == 1
    assert "over 3 episodes" in printed.out
    assert evaluate(tmp_path / "gpu", "--device", "cpu") == 0
    assert capsys.readouterr().err == ""


def test_an_asked_device_that_is_not_there_is_refused(run_folder, capsys):
    assert evaluate(run_folder, "--device", "cuda") == 2
    assert capsys.readouterr().err == "wmzoo: no cuda here\n"


def test_no_episodes_is_refused(run_folder, capsys):
    assert evaluate(run_folder, "--episodes", 0) == 2
    assert "--episodes is 0" in capsys.readouterr().err


def test_a_folder_without_a_checkpoint_is_bad_usage_told_in_one_line(tmp_path, capsys):
    assert evaluate(tmp_path) == 2
    printed = capsys.readouterr().err
    assert str(tmp_path) in printed and printed.count("\n") == 1


def test_a_run_that_cannot_be_written_to_is_evaluated_and_one_line_says_that_nothing_is_kept(
    run_folder, read_only, capsys
):
    disk = read_only(run_folder)
    assert evaluate(disk / "run") == 0
    captured = capsys.readouterr()
    assert "over 3 episodes" in captured.out
    assert captured.err.startswith("wmzoo: the result is not kept in the run: ") and captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--episodes", 0], "it must be 1 or more"),
        (["--seed", -1], "it must be 0 or more"),
        (["--video", "DISK/v.mp4"], "its folder cannot be written to; choose another place"),
        (["--video", "DISK/new/v.mp4"], "Read-only file system; choose another place"),
    ],
)
def test_what_cannot_be_done_is_one_line_before_anything_is_evaluated(run_folder, read_only, capsys, words, says):
    disk = read_only(run_folder)
    assert evaluate(run_folder, *(str(word).replace("DISK", str(disk)) for word in words)) == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.err.count("\n") == 1 and captured.out == ""


def test_wmzoo_evaluate_says_both_in_words():
    result = {
        "task": "reach",
        "returns": [1.0],
        "episodes": 1,
        "mean": 1.0,
        "std": 0.0,
        "iteration": 1,
        "success": 0.5,
        "success_any": 0.75,
        "checkpoint": "run",
        "video": None,
    }
    assert "success: 50 % of the episodes at their last step, 75 % at any step" in describe(result)
    assert "success" not in describe(result | {"success": None, "success_any": None})
