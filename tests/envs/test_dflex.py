"""The dflex adapter, on a stand-in with dflex's surface and habits, and on the real one where it is installed."""

import pytest
import torch
from which_dflex import BOTH, FAKE, dflex

import wmzoo
from wmzoo.envs import dflex_package
from wmzoo.envs.dflex import TASKS, DflexVectorEnv
from wmzoo.errors import WmzooError

SEED = 3


@pytest.fixture(params=BOTH)
def package(request):
    with dflex(request.param):
        yield dflex_package.load()


@pytest.fixture
def fake():
    with dflex("fake"):
        yield


def some_actions(env, count):
    generator = torch.Generator().manual_seed(0)
    return [2 * torch.rand(env.num_envs, env.act_dim, generator=generator) - 1 for _ in range(count)]


@pytest.mark.parametrize("task", ["cartpole", "hopper"])
def test_steps_are_dflexs_own(package, task):
    """Against the package driven by hand from the same starts; nothing ends within these steps."""
    env = DflexVectorEnv(task, 3)
    start = env.reset(SEED)
    simulated = env.state_dict()["simulated"]
    found = TASKS[task]
    with dflex_package.isolated("be built"):
        bare = getattr(package.envs, found.name)(num_envs=3, device="cpu", no_grad=True, **found.settings)
        bare.obs_buf = start.clone()
        bare.clear_grad({name: value.clone() for name, value in simulated.items() if name != "obs"})
        for actions in some_actions(env, 5):
            got = env.step(actions)
            obs, reward, done, info = bare.step(actions)
            assert not done.any() and not got.done.any()
            torch.testing.assert_close(got.obs, obs, rtol=0, atol=0)
            torch.testing.assert_close(got.final_obs, info["obs_before_reset"], rtol=0, atol=0)
            torch.testing.assert_close(got.reward, reward, rtol=0, atol=0)


def test_the_first_reward_belongs_to_the_observation_before_the_step(fake):
    env = DflexVectorEnv("cartpole", 2)
    start = env.reset(SEED)
    torch.testing.assert_close(env.step(torch.ones(2, 1)).reward, start[:, 0] - 0.1)


def test_a_fallen_hopper_is_terminated_and_starts_anew(package):
    height = 0.9 if str(FAKE) in package.__file__ else 0.0
    env = DflexVectorEnv("hopper", 2, options={"termination_height": height})
    env.reset(SEED)
    ends = [step for step in map(env.step, some_actions(env, 200)) if step.terminated.any()]
    assert ends
    for step in ends:
        fallen = step.terminated
        assert (step.final_obs[fallen, 0] < height).all()
        assert not torch.equal(step.obs[fallen], step.final_obs[fallen])
        assert not (step.terminated & step.truncated).any()


def test_episodes_are_truncated_at_their_length_with_the_true_last_observation(package):
    env, longer = (DflexVectorEnv("cartpole", 2, episode_length=length) for length in (5, 50))
    env.reset(SEED), longer.reset(SEED)
    for step, actions in enumerate(some_actions(env, 5), start=1):
        mine, theirs = env.step(actions), longer.step(actions)
        assert mine.truncated.tolist() == [step == 5] * 2
        torch.testing.assert_close(mine.final_obs, theirs.obs, rtol=0, atol=0)
        torch.testing.assert_close(mine.reward, theirs.reward, rtol=0, atol=0)
    assert env.elapsed.tolist() == [0, 0] and longer.elapsed.tolist() == [5, 5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_a_simulation_that_has_failed_is_terminated_counted_and_starts_anew(package, value):
    env, untouched = DflexVectorEnv("hopper", 4), DflexVectorEnv("hopper", 4)
    env.reset(SEED), untouched.reset(SEED)
    others = [0, 1, 3]
    env._env.state.joint_q.view(4, -1)[2] = value
    for step, actions in enumerate(some_actions(env, 3)):
        mine, theirs = env.step(actions), untouched.step(actions)
        assert mine.info["recovered"] == (step == 0)
        assert mine.terminated[2] == (step == 0)
        assert mine.obs.isfinite().all() and mine.obs.abs().max() < 100
        assert torch.equal(mine.obs[others], theirs.obs[others])
        if step == 0:
            assert mine.final_obs[2].eq(0).all() and mine.reward[2] == 0


def test_what_failed_is_counted_in_the_metrics():
    from wmzoo.envs.base import Transition
    from wmzoo.trainers.episodes import EpisodeTracker

    def step(recovered):
        flags = torch.zeros(2, dtype=torch.bool)
        return Transition(torch.zeros(2, 1), torch.zeros(2), flags, flags, torch.zeros(2, 1), None, recovered)

    tracker = EpisodeTracker(torch.zeros(2, dtype=torch.long))
    for info in ({"recovered": 2}, {}, {"recovered": 1}):
        tracker.add(step(info))
    assert [tracker.take()["recovered"], tracker.take()["recovered"]] == [3, 0]


def test_starts_do_not_depend_on_torchs_generator(package):
    env = DflexVectorEnv("hopper", 2, episode_length=4)
    torch.manual_seed(1)
    env.reset(SEED)
    first = [env.step(actions).obs for actions in some_actions(env, 9)]
    torch.manual_seed(2)
    env.reset(SEED)
    second = [env.step(actions).obs for actions in some_actions(env, 9)]
    assert all(map(torch.equal, first, second))


def test_nothing_has_a_gradient_whatever_else_uses_dflex(package):
    env = DflexVectorEnv("hopper", 2)
    env.reset(SEED)
    package.config.no_grad = False  # by another environment, made later, that wants them
    step = env.step(torch.zeros(2, 3, requires_grad=True))
    assert not any(value.requires_grad for value in (step.obs, step.reward, step.final_obs))
    assert package.config.no_grad is False


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"task": "hoper"}, "did you mean hopper"),
        ({"task": "hopper", "device": "tpu"}, "env.device is auto, cpu or cuda, not 'tpu'"),
        ({"task": "hopper", "options": {"gravity": 1}}, "dflex cannot make HopperEnv with .*gravity"),
    ],
)
def test_what_does_not_exist_is_refused_with_words(fake, given, words):
    with pytest.raises(WmzooError, match=words) as caught:
        DflexVectorEnv(num_envs=1, **given)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_with_what_works(fake):
    with pytest.raises(WmzooError, match="env.device=cpu works"):
        DflexVectorEnv("hopper", 1, device="cuda")


def test_the_papers_settings_are_the_default_and_options_go_over_them(fake):
    env = DflexVectorEnv("hopper", 1, options={"termination_height": -1.0})
    assert env._env.termination_height == -1.0 and env._env.stochastic_init
    assert DflexVectorEnv("hopper", 1)._env.termination_height == -0.45


@pytest.mark.parametrize(("task", "num_envs"), [("ant", 128), ("cartpole", 1024), ("snu_humanoid", 64)])
def test_named_tasks_compose_with_the_papers_number_of_environments(task, num_envs):
    cfg = wmzoo.compose([f"env=dflex_{task}"])
    assert (cfg.env.name, cfg.env.task, cfg.env.num_envs) == ("dflex", task, num_envs)
