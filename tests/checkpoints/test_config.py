"""A bundle's config: what stands in it, and that no change of it goes unnoticed."""

from omegaconf import OmegaConf
from toy_bundle import saved

from wmzoo.checkpoints.config import load_config
from wmzoo.errors import WmzooError


def test_the_config_beside_the_weights_is_resolved_and_tells_dimensions_and_progress(tmp_path):
    saved(tmp_path / "bundle", iteration=10, env_steps=640)
    cfg = OmegaConf.load(tmp_path / "bundle" / "config.yaml")
    assert cfg.model == {"latent_dim": 8}
    assert len(cfg.checkpoint.pop("sha256")) == 64
    assert cfg.checkpoint == {"format": 1, "obs_dim": 3, "act_dim": 2, "iteration": 10, "env_steps": 640}


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    saved(tmp_path)
    cfg = OmegaConf.to_container(load_config(tmp_path))
    cfg["checkpoint"].popitem()
    file = tmp_path / "config.yaml"
    content = file.read_bytes()
    for place in range(len(content)):
        flipped = content[place] ^ (1 << place % 8)
        file.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        try:
            found = OmegaConf.to_container(load_config(tmp_path))
        except WmzooError as error:
            assert str(file) in str(error) and "\n" not in str(error)
        else:
            found["checkpoint"].popitem()  # the line that notices changes may be the one that has changed
            assert found == cfg, f"byte {place}"
