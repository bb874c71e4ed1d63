"""A trainer's state on disk: what goes in comes out, exactly, and nothing else is accepted."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wmzoo.checkpoints.state import TENSORS, TREE, has_state, load_state, save_state
from wmzoo.errors import WmzooError

DTYPES = (torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool)
NUMBERS = st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats() | st.text()
TENSOR = st.builds(
    lambda dtype, values: torch.tensor(values).to(dtype), st.sampled_from(DTYPES), st.lists(st.integers(0, 200))
)
TREES = st.recursive(
    NUMBERS | TENSOR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and (left == right or left != left)


@given(st.dictionaries(st.text(), TREES, max_size=4))
def test_a_tree_of_tensors_and_numbers_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("state")
    assert not has_state(folder)
    save_state(folder, state)
    assert has_state(folder) and same(state, load_state(folder))


def test_tensors_that_share_memory_are_stored_apart_and_keys_that_look_like_paths_do_not_collide(tmp_path: Any) -> None:
    rows = torch.arange(6.0)
    state = {"a": {"b": rows[:3]}, "a/b": rows[3:], "tensor": {"tensor": rows}}
    save_state(tmp_path, state)
    assert same(state, load_state(tmp_path))


def test_an_adam_with_numbered_parameters_goes_on_from_what_was_stored(tmp_path: Any) -> None:
    def optimiser() -> tuple[torch.Tensor, torch.optim.Adam]:
        weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        return weight, torch.optim.Adam([weight], 0.1, (0.7, 0.95))

    def step(weight: torch.Tensor, adam: torch.optim.Adam) -> None:
        weight.grad = weight.detach() ** 2
        adam.step()

    one, first = optimiser()
    step(one, first)
    save_state(tmp_path, {"adam": first.state_dict()})
    other, second = optimiser()
    other.data.copy_(one.data)
    second.load_state_dict(load_state(tmp_path)["adam"])
    step(one, first)
    step(other, second)
    assert torch.equal(one, other)


def test_what_would_need_a_pickle_is_refused(tmp_path: Any) -> None:
    with pytest.raises(TypeError, match=r"/odd/0 is \{1, 2\}"):
        save_state(tmp_path, {"odd": [{1, 2}]})
    with pytest.raises(TypeError, match=r"/odd is \{\(1, 2\): 3\}"):
        save_state(tmp_path, {"odd": {(1, 2): 3}})


class Bomb:
    def __reduce__(self) -> Any:
        return (open, ("exploded", "w"))


@pytest.mark.parametrize("name", [TENSORS, TREE])
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "pickle"])
def test_a_damaged_file_is_one_line_that_names_the_folder(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save_state(tmp_path, {"x": torch.arange(100), "n": 3})
    file, content = tmp_path / name, (tmp_path / name).read_bytes()
    changed = {"empty": b"", "half": content[: len(content) // 2], "pickle": pickle.dumps(Bomb())}
    file.unlink() if damage == "gone" else file.write_bytes(changed[damage])
    with pytest.raises(WmzooError) as raised:
        load_state(tmp_path)
    assert str(tmp_path) in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", [TENSORS, TREE])
def test_no_flipped_bit_goes_unnoticed(tmp_path: Any, name: str) -> None:
    state = {"x": torch.arange(10), "n": 3, "d": {1: [True, None, 0.5]}}
    save_state(tmp_path, state)
    content = (tmp_path / name).read_bytes()
    for place in range(len(content)):
        flipped = content[place] ^ (1 << place % 8)
        (tmp_path / name).write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
        try:
            loaded = load_state(tmp_path)
        except WmzooError as error:
            assert str(tmp_path) in str(error) and "\n" not in str(error)
        else:
            assert same(state, loaded), f"byte {place}"


@pytest.mark.parametrize("document", [[], {"format": 2}, {"format": 2, "state": 5}, {"format": 2, "state": {"x": 1}}])
def test_json_that_is_no_state_is_refused(tmp_path: Any, document: Any) -> None:
    save_state(tmp_path, {})
    (tmp_path / TREE).write_text(json.dumps(document))
    with pytest.raises(WmzooError):
        load_state(tmp_path)


def test_another_version_is_told(tmp_path: Any) -> None:
    save_state(tmp_path, {})
    (tmp_path / TREE).write_text(json.dumps({"format": 1, "state": {"dict": []}}))
    with pytest.raises(WmzooError, match="format 1; this version of wmzoo reads 2"):
        load_state(tmp_path)
