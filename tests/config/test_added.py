"""`loss.add` is understood or refused in one line."""

import shlex

import pytest

from wmzoo.config.added import added, without_additions
from wmzoo.config.composition import compose
from wmzoo.errors import WmzooError


def test_a_term_has_its_weight_and_the_defaults_of_its_card():
    cfg = compose(["size=tiny", "dynamics=mlp", "loss.add=[{name: jacobian, weight: 0.1, rows: 0.5}, {name: cosine}]"])
    jacobian, cosine = added(cfg)
    assert (jacobian.name, jacobian.weight, dict(jacobian.node)) == ("jacobian", 0.1, {"name": "jacobian", "rows": 0.5})
    assert (cosine.weight, dict(cosine.node)) == (1.0, {"name": "cosine"})
    assert "add" not in without_additions(cfg) and without_additions(cfg)["name"] == "mse"
    assert added(compose(["size=tiny"])) == []


@pytest.mark.parametrize("name", ["jacobian", "straightening", "conservation"])
def test_a_loss_that_compares_with_nothing_is_refused_alone_with_what_to_type(name):
    for dynamics, main in {"mlp": "mse", "flow": "rectified_flow"}.items():
        with pytest.raises(WmzooError, match="compares with nothing observed") as told:
            compose(["size=tiny", f"dynamics={dynamics}", f"loss={name}"])
        *_, loss, addition = shlex.split(str(told.value).rpartition(": it is added to another loss, ")[2])
        cfg = compose(["size=tiny", f"dynamics={dynamics}", loss, addition])
        assert cfg.loss.name == main and [term.name for term in added(cfg)] == [name]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("[{name: jacobain}]", "unknown loss to add 'jacobain'.*did you mean.*jacobian"),
        ("[{name: mse}]", "unknown loss to add 'mse'"),
        ("[{name: jacobian, weight: 0}]", "the weight of jacobian is a number above 0, not 0"),
        ("[{name: jacobian, weight: true}]", "the weight of jacobian is a number above 0"),
        ("[{name: jacobian, row: 1}]", "unknown parameter of loss jacobian 'row'"),
        ("[{name: cosine}, {name: cosine}]", "each loss once"),
        ("[cosine]", "loss.add is a list of"),
        ("jacobian", "loss.add is a list of"),
    ],
)
def test_what_cannot_be_added_is_refused(typed, words):
    with pytest.raises(WmzooError, match=words):
        compose(["size=tiny", "dynamics=mlp", f"loss.add={typed}"])
