"""Weights fit their module exactly, or are refused."""

import pytest
import torch
from toy_bundle import Toy, same, saved

from wmzoo.checkpoints.weights import load_weights
from wmzoo.errors import WmzooError


def test_missing_extra_and_mistyped_tensors_are_each_refused(tmp_path):
    from safetensors.torch import save_file

    toy, half = Toy(3, 2, 8), torch.zeros(2).half()
    for name, change, word in [
        ("lack", lambda state: state.pop("head.bias"), "lacks head.bias"),
        ("extra", lambda state: state.update(more=torch.zeros(1)), "unknown more"),
        ("type", lambda state: state.update({"head.bias": half}), r"float16\[2\].*float32\[2\]"),
    ]:
        state = dict(toy.state_dict())
        change(state)
        save_file(state, tmp_path / f"{name}.safetensors")
        with pytest.raises(WmzooError, match=word):
            load_weights(Toy(3, 2, 8), tmp_path / f"{name}.safetensors")


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    toy = saved(tmp_path)
    file, loaded = tmp_path / "model.safetensors", Toy(3, 2, 8)
    content = file.read_bytes()
    for place in range(len(content)):
        flipped = content[place] ^ (1 << place % 8)
        file.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        try:
            load_weights(loaded, file)
        except WmzooError as error:
            assert str(file) in str(error) and "\n" not in str(error)
        else:
            assert same(toy, loaded), f"byte {place}"
