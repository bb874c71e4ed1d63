import imageio.v2 as imageio
import numpy as np
import pytest

from wmzoo.errors import WmzooError
from wmzoo.runs.video import VideoRecorder, frames_per_second


class Painted:
    """Draws a grey that grows with each frame; odd sides, as an environment may have."""

    control_timestep = 0.02
    shade = 0

    def render(self, index=0):
        self.shade += 20
        return np.full((97, 129, 3), self.shade, dtype=np.uint8)


class Blind:
    def render(self, index=0):
        raise WmzooError("no EGL: install libegl1")


def test_the_video_holds_every_frame_in_order_at_the_control_rate(tmp_path):
    env = Painted()
    with VideoRecorder(tmp_path / "sub" / "v.mp4", fps=frames_per_second(env)) as recorder:
        for _ in range(10):
            recorder.capture(env)
    with imageio.get_reader(tmp_path / "sub" / "v.mp4") as reader:
        assert reader.get_meta_data()["fps"] == 50
        frames = [frame.mean() for frame in reader]
    assert frames == pytest.approx(list(range(20, 201, 20)), abs=6)


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


def test_an_unknown_control_rate_means_thirty_frames():
    assert frames_per_second(object()) == 30
