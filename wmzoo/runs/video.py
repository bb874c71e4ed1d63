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


class Renderable(Protocol):
    """An environment that can draw itself; `render` raises WmzooError where that is impossible."""

    def render(self, index: int = 0) -> NDArray[np.uint8]: ...


def frames_per_second(env: object, default: float = 30.0) -> float:
    """Control steps per second of simulated time, if the environment tells its `control_timestep` [s]."""
    timestep = getattr(env, "control_timestep", None)
    return 1.0 / float(timestep) if timestep else default


class VideoRecorder:
    """Writes frames of environment 0 to `path`; a context manager.

    A failure to render or encode is told once, in one line, and ends the recording, not the evaluation:
    `failed` is then true and no file is left. `say` takes the line; by default it goes to stderr.
    """

    def __init__(self, path: Path | str, fps: float = 30.0, say: Callable[[str], None] | None = None) -> None:
        self.path, self.fps = Path(path), fps
        self.say = say or (lambda line: print(line, file=sys.stderr))
        self.failed = False
        self._writer: Any = None

    def capture(self, env: Renderable) -> None:
        """Appends the present image of environment 0, uint8 [height, width, 3]."""
        if self.failed:
            return
        try:
            frame = env.render(0)
            # the encoder's pixel format (yuv420p) needs even sides
            self._open().append_data(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])
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
