"""An mp4 of one episode, written while it is evaluated. ffmpeg comes with the imageio-ffmpeg wheel."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wmzoo.errors import WmzooError
from wmzoo.storage.files import temporary_name

WIDTH, HEIGHT = 320, 240  # even, as the encoder's pixel format (yuv420p) needs them
FPS = 25.0  # about so many frames a second: of faster steps every second or third … is drawn


class Renderable(Protocol):
    """An environment that can draw itself; `render` raises WmzooError where that is impossible."""

    def render(self, index: int, width: int, height: int) -> NDArray[np.uint8]: ...


def steps_per_second(env: object, default: float = FPS) -> float:
    """Control steps per second of simulated time, if the environment tells its `control_timestep` [s]."""
    timestep = getattr(env, "control_timestep", None)
    return 1.0 / float(timestep) if timestep else default


class VideoRecorder:
    """Writes what environment 0 shows to `path`, as fast as it happens; a context manager.

    A failure to render or encode is told once, in one line, and ends the recording, not the evaluation:
    `failed` is then true and no file is left. `say` takes the line; by default it goes to stderr.

    Args:
        rate: steps of the environment per second of what is shown.

    Attributes:
        drawn: is told of every frame, how many there are now.
    """

    def __init__(self, path: Path | str, rate: float = FPS, say: Callable[[str], None] | None = None) -> None:
        self.path = Path(path)
        self.every = max(1, round(rate / FPS))  # steps a frame
        self.fps = rate / self.every
        self.say = say or (lambda line: print(line, file=sys.stderr))
        self.drawn: Callable[[int], object] = lambda frames: None
        self.failed = False
        self._steps = 0
        self._writer: Any = None

    def capture(self, env: Renderable) -> None:
        """Is shown environment 0 before each of its steps; draws it where a frame is due."""
        frames, between = divmod(self._steps, self.every)
        self._steps += 1
        if self.failed or between:
            return
        try:
            self._open().append_data(env.render(0, WIDTH, HEIGHT))
            self.drawn(frames + 1)
        except (WmzooError, OSError, RuntimeError) as error:
            self.failed = True
            self._finish()
            self.say(f"no video {self.path}: {error}")

    def _open(self) -> Any:
        if self._writer is None:
            import imageio.v2 as imageio  # only where something is filmed: a run starts sooner without

            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._partial = temporary_name(self.path)
            self._partial.mkdir(mode=0o700)  # the encoder writes through a link, so to where nobody can have put one
            self._writer = imageio.get_writer(
                *(self._partial / "video.mp4", "FFMPEG"), fps=self.fps, codec="libx264", macro_block_size=2, quality=8
            )
        return self._writer

    def _finish(self) -> None:
        if self._writer is None:
            return
        try:
            self._writer.close()
            if not self.failed:
                (self._partial / "video.mp4").replace(self.path)
        finally:
            self._writer = None
            shutil.rmtree(self._partial, ignore_errors=True)

    def __enter__(self) -> VideoRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.failed = self.failed or kind is not None
        self._finish()
