"""What a user's environment may keep in its attributes is put back from plain files, and goes on as it would have."""

import copy
import itertools
import random
from collections import Counter, OrderedDict, deque
from enum import Enum

import mujoco
import numpy as np
import pytest
import torch

from wmzoo.checkpoints.state import load_state, save_state
from wmzoo.envs.object_state import NotPlain, put_back, save
from wmzoo.envs.simulated import _as_arrays, _as_tensors


class Phase(Enum):
    REACH = 1
    GRASP = 2


class Holder:
    """Attributes that a test gives it."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


class Slotted:
    __slots__ = ("speed",)

    def __init__(self):
        self.speed = 1


def never(value):
    return False


def through_files(state, folder):
    save_state(folder, {"saved": _as_tensors(state)})
    return _as_arrays(load_state(folder)["saved"])


def restored(holder, folder, onto=None):
    """`holder`, saved, changed by nothing, and put back onto another one."""
    onto = onto or Holder()
    put_back(onto, through_files(save(holder, never), folder))
    return onto


@pytest.mark.parametrize(
    "value",
    [
        None, True, -3, 2**80, 0.1, float("inf"), "a string", b"bytes", bytearray(b"more"),
        [1, [2.5, "x"], None], (1, (2,)), {3, 4}, frozenset({5}), deque([1, 2, 3], maxlen=3), deque(),
        {"a": 1, 2: [3], (4, 5): None}, OrderedDict(b=1, a=2), Counter("abba"), {},
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_and_collections_of_any_depth_come_back_equal_and_of_their_type(value, tmp_path):
    got = restored(Holder(value=value), tmp_path).value
    assert got == value and type(got) is type(value)
    assert not isinstance(value, deque) or got.maxlen == value.maxlen
    assert not isinstance(value, OrderedDict) or list(got) == list(value)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "int8", "uint8", "uint32", "uint64", "bool"]
)
def test_arrays_and_numpy_numbers_keep_type_shape_and_bits(dtype, tmp_path):
    array = np.array([[0, 1], [1, 3]]).astype(dtype)[::-1, :1]
    got = restored(Holder(array=array, number=array[0, 0], held=deque([array.copy()])), tmp_path)
    for value, wanted in ((got.array, array), (got.number, array[0, 0]), (got.held[0], array)):
        assert value.dtype == wanted.dtype and np.array_equal(value, wanted)
    assert type(got.number) is type(array[0, 0])
    got.array[0, 0] = not got.array[0, 0]  # it is its own, and can be written


@pytest.mark.parametrize(
    ("generator", "draw"),
    [
        *((np.random.Generator(getattr(np.random, name)(3)), lambda g: g.normal(size=5).tolist())
          for name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")),
        (np.random.RandomState(3), lambda g: g.normal(size=5).tolist()),
        (random.Random(3), lambda g: [g.gauss(0, 1) for _ in range(5)]),
    ],
    ids=lambda value: str(value).partition("(")[2].partition(")")[0] or type(value).__name__,
)  # fmt: skip
def test_a_generator_draws_on_where_it_was(generator, draw, tmp_path):
    generator = copy.deepcopy(generator)
    draw(generator)
    got = restored(Holder(own=generator), tmp_path).own
    assert draw(got) == draw(generator)


def test_an_object_among_the_attributes_is_filled_where_it_stands(tmp_path):
    inner = Holder(count=0)
    owner = restored(Holder(inner=Holder(count=7, seen=["a"])), tmp_path, Holder(inner=inner))
    assert owner.inner is inner and (inner.count, inner.seen) == (7, ["a"])


def test_a_member_of_an_enumeration_is_itself_again(tmp_path):
    assert restored(Holder(phase=Phase.GRASP), tmp_path, Holder(phase=Phase.REACH)).phase is Phase.GRASP
    assert Phase.REACH.value == 1


def test_what_two_attributes_share_is_one_thing_again(tmp_path):
    generator, numbers, array = np.random.default_rng(0), [1], np.zeros(3)
    parent = Holder(
        child=Holder(draws=generator, array=array), draws=generator, numbers=(numbers, numbers), array=array
    )
    parent.child.parent = parent
    onto = Holder(child=Holder())
    onto.child.parent = onto
    got = restored(parent, tmp_path, onto)
    assert got.draws is got.child.draws and got.array is got.child.array and got.child.parent is got
    assert got.numbers[0] is got.numbers[1]


def test_a_list_that_holds_itself_is_put_back(tmp_path):
    numbers = [1]
    numbers.append(numbers)
    got = restored(Holder(numbers=numbers), tmp_path).numbers
    assert got[0] == 1 and got[1] is got


def test_functions_classes_and_what_the_owner_names_stay_as_they_stand(tmp_path):
    model = object()
    held = Holder(model=model, rewards={"near": len, "far": max}, kind=Holder, n=1)
    state = save(held, lambda value: value is model)
    onto = Holder(model="another", rewards=None, kind=None, n=0)
    put_back(onto, through_files(state, tmp_path))
    assert (onto.model, onto.rewards, onto.kind, onto.n) == ("another", None, None, 1)


def test_arrays_that_are_rows_of_one_are_copied():
    start, goal = np.random.default_rng(0).normal(size=(2, 3))
    onto = Holder()
    put_back(onto, save(Holder(start=start, goal=goal), never))
    assert np.array_equal(onto.start, start) and np.array_equal(onto.goal, goal)


MODEL = "<mujoco><worldbody><body><joint type='slide'/><geom size='1'/></body></worldbody></mujoco>"


def overlapping():
    whole = np.zeros(4)
    return {"whole": whole, "part": whole[:2]}


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"net": torch.zeros(2)}, "net is a torch"),
        ({"net": torch.nn.Linear(1, 1)}, r"net\._parameters.* is a torch"),
        ({"inner": Holder(steps=itertools.count())}, r"inner\.steps is a itertools\.count"),
        ({"paths": iter([1])}, "paths is a .*iterator"),
        ({"plans": deque([Holder()])}, r"plans\[…\] is a .*Holder"),
        ({"mixed": [1, len]}, r"mixed\[…\] is a "),
        ({"fast": Slotted()}, "fast is a .*Slotted"),
        ({"names": np.array(["a"])}, r"names is a numpy\.ndarray"),
        ({"other": mujoco.MjData(mujoco.MjModel.from_xml_string(MODEL))}, r"other is a mujoco.*MjData"),
        (overlapping(), "part shares its memory"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_saved_whole_is_named(attributes, named):
    with pytest.raises(NotPlain, match=named):
        save(Holder(**attributes), never)


def test_collections_nested_beyond_measure_are_named():
    deep = []
    for _ in range(10**5):
        deep = [deep]
    with pytest.raises(NotPlain, match="too deeply"):
        save(Holder(deep=deep), never)


def test_an_object_that_is_not_there_after_a_reset_is_named():
    with pytest.raises(NotPlain, match=r"inner was a .*Holder, and is a builtins\.NoneType after a reset"):
        put_back(Holder(inner=None), save(Holder(inner=Holder()), never))
