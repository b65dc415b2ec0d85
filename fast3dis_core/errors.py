"""Errors a user can meet, all children of `Fast3disError`.

A message says what was expected, what was found and what to do next, in sentences. Errors of other
libraries are translated where they enter: Pillow in `images`, CUDA memory in `inference.steps`.
"""


class Fast3disError(Exception):
    """Base of every error this package raises on purpose."""


class ImageFolderError(Fast3disError):
    """Photos, videos or their folder cannot be used as given."""


class CheckpointError(Fast3disError):
    """A weight file is missing, damaged, unsafe, or made for another model size."""


class DownloadError(CheckpointError):
    """A published weight file did not arrive: nobody answers, access is refused, the disk is full."""


class ConfigError(Fast3disError):
    """A setting is unknown or has an impossible value."""


class DeviceMemoryError(Fast3disError):
    """The device ran out of memory; the message lists ways out."""


class GeometryError(Fast3disError):
    """Cameras, depth or their alignment are missing, inconsistent or not finite."""


class DatasetError(Fast3disError):
    """A data set on disk is incomplete or not in its documented format."""


class TrainingError(Fast3disError):
    """A training step cannot be used: its predictions or losses are not finite."""


class EvaluationError(Fast3disError):
    """Predictions cannot be scored: they do not fit the ground truth, or are not masks and finite scores."""


class ExportError(Fast3disError):
    """A result cannot be written, or a written one not read back: target exists, disk full, file damaged."""


class SessionError(Fast3disError):
    """A saved session cannot be opened: missing, damaged, of a newer format, or too large."""


class Cancelled(Fast3disError):
    """The user asked a running job to stop. Shown to nobody."""
