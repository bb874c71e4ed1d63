import imageio.v2 as imageio
import numpy as np
import pytest

from wmzoo.errors import WmzooError
from wmzoo.runs.video import VideoRecorder, steps_per_second


class Painted:
    """Draws a grey that grows with each frame."""

    def __init__(self, control_timestep=0.04):
        self.control_timestep, self.shade = control_timestep, 0

    def render(self, index, width, height):
        self.shade += 20
        return np.full((height, width, 3), self.shade, dtype=np.uint8)


class Blind:
    def render(self, index, width, height):
        raise WmzooError("no EGL: install libegl1")


def test_the_video_holds_every_frame_in_order_at_the_control_rate(tmp_path):
    env = Painted()
    drawn = []
    with VideoRecorder(tmp_path / "sub" / "v.mp4", steps_per_second(env)) as recorder:
        recorder.drawn = drawn.append
        for _ in range(10):
            recorder.capture(env)
    with imageio.get_reader(tmp_path / "sub" / "v.mp4") as reader:
        assert reader.get_meta_data()["fps"] == 25
        frames = [frame.mean() for frame in reader]
    assert frames == pytest.approx(list(range(20, 201, 20)), abs=6) and drawn == [*range(1, 11)]


@pytest.mark.parametrize(("timestep", "every"), [(0.08, 1), (0.04, 1), (0.03, 1), (0.02, 2), (0.016, 2), (0.008, 5)])
def test_of_fast_steps_some_are_drawn_and_the_video_is_as_fast_as_what_it_shows(tmp_path, timestep, every):
    recorder, env = VideoRecorder(tmp_path / "v.mp4", 1 / timestep), Painted(timestep)
    recorder._open = lambda: type("Nowhere", (), {"append_data": staticmethod(lambda frame: None)})
    for _ in range(10 * every):
        recorder.capture(env)
    assert env.shade == 10 * 20 and recorder.fps == pytest.approx(1 / (timestep * every))
    assert recorder.fps <= 37.5


def test_a_blind_environment_is_told_once_and_leaves_no_file(tmp_path):
    said = []
    with VideoRecorder(tmp_path / "v.mp4", say=said.append) as recorder:
        for _ in range(3):
            recorder.capture(Blind())
    assert len(said) == 1 and "libegl1" in said[0] and "\n" not in said[0]
    assert recorder.failed and not list(tmp_path.iterdir())


def test_an_interrupted_recording_leaves_no_half_video(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoRecorder(tmp_path / "v.mp4") as recorder:
        recorder.capture(Painted())
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_an_unknown_control_rate_means_twenty_five_steps():
    assert steps_per_second(object()) == 25
