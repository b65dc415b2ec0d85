"""What is asked for when a picture or a film of the stage is wanted."""

from dataclasses import dataclass
from typing import Literal

FilmFormat = Literal["gif", "mp4"]


@dataclass(frozen=True, kw_only=True)
class PictureWish:
    """A still.

    Attributes
    ----------
    scale : int
        Times as large as the 3D view, 1 to 4.
    transparent : bool
        Without background.
    notes : bool
        With legend, axes, scale bar and lengths.
    """

    scale: int = 2
    transparent: bool = False
    notes: bool = True


@dataclass(frozen=True, kw_only=True)
class FilmWish:
    """The scene turning once around.

    Attributes
    ----------
    format : "gif" or "mp4"
    seconds : int
        Of one turn.
    rate : int
        Frames per second, of those that a GIF can keep to: its clock counts hundredths.
    height : int
        Of the frames, pixels; they are as wide as the 3D view is.
    notes : bool
        With legend, axes, scale bar and lengths.
    """

    format: FilmFormat = "gif"
    seconds: int = 6
    rate: int = 20
    height: int = 480
    notes: bool = False

    @property
    def frames(self) -> int:
        """How many frames a turn has; the first follows upon the last."""
        return self.seconds * self.rate
