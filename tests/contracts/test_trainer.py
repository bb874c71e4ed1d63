"""The contract of trainers says no to broken ones, in words that name what is wrong."""

import pytest

from wmzoo.contracts import trainer

pytestmark = pytest.mark.usefixtures("short_trainings")


class Muffled:
    """A recorder of which a trainer hears only a part."""

    def __init__(self, notes, deaf=False, forgetful=False):
        self.notes, self.preparing, self.log, self.evaluated = notes, notes.preparing, notes.log, notes.evaluated
        self.stop_requested = (lambda: False) if deaf else notes.stop_requested
        self.checkpoint = (lambda *_: None) if forgetful else notes.checkpoint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    [({"deaf": True}, "asked to stop .* logged 2 rows"), ({"forgetful": True}, "called `checkpoint` 0 times")],
)
def test_a_trainer_that_does_not_stop_or_save_when_asked_is_found_out(fault, words):
    real = trainer.factories("online")["online"]
    with pytest.raises(AssertionError, match=words):
        trainer.check_resume(lambda recorder: real(lambda agent: Muffled(recorder(agent), **fault)))
