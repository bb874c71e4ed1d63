import sys

import pytest
from omegaconf import OmegaConf

from wmzoo.errors import WmzooError
from wmzoo.runs.loggers import build_loggers


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_missing_extra_is_named_with_its_install_command(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(WmzooError, match=rf'pip install "wmzoo\[{name}\]"'):
        build_loggers([name], tmp_path, OmegaConf.create())


def test_an_unknown_logger_is_refused_with_those_that_exist(tmp_path):
    with pytest.raises(WmzooError, match="tensorboard, wandb"):
        build_loggers(["tensorbord"], tmp_path, OmegaConf.create())


@pytest.mark.slow
def test_tensorboard_reads_back_the_numbers_at_their_env_steps_and_no_nulls(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    [logger] = build_loggers(["tensorboard"], tmp_path, OmegaConf.create({"seed": 1}))
    logger.log({"env_steps": 10, "eval_return": 1.5, "rewards": None})
    logger.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("eval_return")] == [(10, 1.5)]
    assert "rewards" not in events.Tags()["scalars"]
