"""The package dflex: found, imported and left as it was, or told what it needs."""

import importlib.machinery
import os
import subprocess
import sys

import pytest
from which_dflex import BOTH, FAKE, dflex

import wmzoo
from wmzoo.envs import dflex_package
from wmzoo.envs.dflex import DflexVectorEnv
from wmzoo.errors import WmzooError


@pytest.fixture
def fake():
    with dflex("fake"):
        yield


TRACES = """
import sys, numpy as np, torch
from wmzoo.envs.dflex import DflexVectorEnv
path, options, generator = list(sys.path), np.get_printoptions(), torch.random.get_rng_state()
gym, has_imp = "gym" in sys.modules, "imp" in sys.modules
env = DflexVectorEnv("cartpole", 2)
env.reset(0)
env.step(torch.zeros(2, 1))
assert sys.path == path, sys.path
assert np.get_printoptions() == options
assert torch.equal(torch.random.get_rng_state(), generator)
assert ("gym" in sys.modules) == gym
assert not hasattr(np, "Inf")
print("no trace")
"""


@pytest.mark.slow
@pytest.mark.parametrize("which", BOTH)
def test_the_process_is_left_as_it_was(which):
    """In a process of its own, where nothing has been imported before."""
    there = {"PYTHONPATH": os.pathsep.join([str(FAKE), os.getcwd()])} if which == "fake" else {}
    done = subprocess.run([sys.executable, "-c", TRACES], capture_output=True, text=True, env={**os.environ, **there})
    assert (done.stdout, done.returncode) == ("no trace\n", 0), done.stderr


def test_a_missing_package_gives_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(dflex_package.importlib.util, "find_spec", lambda name: None)
    dflex_package.load.cache_clear()
    with pytest.raises(WmzooError, match="pip install .*bb59db5cf65e63740787bf22f91bae3103b30d19.zip") as caught:
        wmzoo.build("env", "dflex", num_envs=2)
    assert "\n" not in str(caught.value)


def test_a_package_that_cannot_be_imported_is_one_line_with_what_it_needs(tmp_path, monkeypatch):
    (tmp_path / "dflex").mkdir()
    (tmp_path / "dflex" / "__init__.py").write_text("raise RuntimeError('Ninja is required\\nto load C++ extensions')")
    monkeypatch.syspath_prepend(tmp_path)
    with dflex("fake"):
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        with pytest.raises(WmzooError, match=r"cannot be imported \(RuntimeError: Ninja is.*needs g\+\+") as caught:
            DflexVectorEnv("hopper", 1)
    assert "\n" not in str(caught.value)


def test_the_first_import_says_that_it_compiles(fake, caplog):
    DflexVectorEnv("hopper", 1)
    assert dflex_package.COMPILING in caplog.text


def test_the_stand_in_for_imp_loads_a_compiled_module():
    """As dflex does with its kernels; Python's own extension modules are compiled ones."""
    imp = dflex_package.imp()
    compiled = importlib.machinery.PathFinder.find_spec("_heapq")
    if compiled is None or compiled.origin is None:
        pytest.skip("this Python has its extension modules built in")
    file, path, description = imp.find_module("_heapq", [os.path.dirname(compiled.origin)])
    with file:
        assert imp.load_module("_heapq", file, path, description).heappop([1]) == 1
    with pytest.raises(ImportError):
        imp.find_module("kernels", ["/nowhere"])
