"""`.f3d`, the session file: what was open, in one file that any machine opens again without weights or GPU.

A ZIP of arrays (.npy), photos (.png) and one `session.json`; nothing is pickled, nothing is unpacked to disk, and
every bit of every array comes back. The values are in `values`, the file's plan in `manifest`, entries and their
checks in `entries`; `packing`, `rays` and `photos` make arrays small. Importing the package needs NumPy alone;
`tensors`, which turns features into NumPy arrays and back, loads torch when it is called.
"""

from fast3dis_core.session_files.manifest import FORMAT_VERSION, SUFFIX
from fast3dis_core.session_files.reading import read_session, session_summary
from fast3dis_core.session_files.values import SavedSession, SessionSummary
from fast3dis_core.session_files.writing import write_session

__all__ = [
    "FORMAT_VERSION",
    "SUFFIX",
    "SavedSession",
    "SessionSummary",
    "read_session",
    "session_summary",
    "write_session",
]
