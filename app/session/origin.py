"""Where a result came from: photos, model, time, and whether its masks are there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MaskState = Literal["there", "coming", "stopped", "missing"]


@dataclass(frozen=True, kw_only=True)
class PhotoFacts:
    """What reading the photos brought to light.

    Attributes
    ----------
    notes : tuple of str
        Sentences about photos that were left out or cropped.
    world_to_folder : tuple of 16 floats, optional
        Row by row: from the world of view 0 to that of the cameras that came with the photos, if they were used.
    """

    notes: tuple[str, ...] = ()
    world_to_folder: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a reconstruction came from.

    Attributes
    ----------
    folder : Path
        Of the photos.
    model : str
        Size and device in a word or two: "nano · cpu".
    weights : str
        Names of files that were used instead of what is found on the machine; empty if there were none.
    model_status : str
        Sentence on the weights, such as "Untrained heads: ..."; empty if there is nothing to say.
    geometry : str
        Where the cameras and depth come from: "predicted", "posed" or "given".
    seconds : float
        Time the run took, with waiting, reading and loading the model.
    computing : float
        Of these, what it took from read photos to the result; 0 if nobody wrote it down.
    memory : int, optional
        Bytes by which the program grew at most meanwhile; None where the system does not tell.
    notes : tuple of str
        Sentences about photos that were left out or cropped.
    masks : "there", "coming", "stopped" or "missing"
        "coming" while geometry is on show and the run goes on; "stopped" if it did not go on to its end; "missing" if
        the model has no trained heads, so that there is nothing but geometry.
    answers : bool
        Whether edits that need the decoder have an effect; not in a session that was saved without features.
    file : Path, optional
        Session file it was opened from or saved to last.
    world_to_folder : tuple of 16 floats, optional
        As in `PhotoFacts`.
    """

    folder: Path
    model: str = ""
    weights: str = ""
    model_status: str = ""
    geometry: str = "predicted"
    seconds: float = 0.0
    computing: float = 0.0
    memory: int | None = None
    notes: tuple[str, ...] = ()
    masks: MaskState = "there"
    answers: bool = True
    file: Path | None = None
    world_to_folder: tuple[float, ...] | None = None

    @property
    def told_model(self) -> str:
        """The model with the files of its own, such as "nano · CPU · mine.safetensors"."""
        return " · ".join(filter(None, (self.model, self.weights)))

    @property
    def untrained(self) -> bool:
        """Whether a part of the result is made of random numbers."""
        return "untrained" in self.model_status.lower()
