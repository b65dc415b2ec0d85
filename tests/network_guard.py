"""A program under watch: every call out of this machine that Python makes is noted, and told when the program ends.

`python -m tests.network_guard NOTES command …` runs `fast3dis` (command "fast3dis") or the viewer ("viewer").
"""

import atexit
import json
import os
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CALLS = {
    "socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
    "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request", "http.client.connect",
}  # fmt: skip
OTHERS = ("PySide6.QtNetwork", "PySide6.QtWebEngineCore", "hf_xet")  # would call without Python


def watch(notes):
    """From now on; on Unix a socket in the file system leads nowhere else."""
    found = []

    def note(event, arguments):
        if event in CALLS and not _local(arguments):
            found.append(f"{event} {arguments!r}")

    def tell():
        notes.write_text(json.dumps({"calls": found, "modules": [name for name in OTHERS if name in sys.modules]}))

    sys.addaudithook(note)
    atexit.register(tell)


def surroundings(home):
    """Variables of a user who never downloaded anything, and forbade nothing."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "FAST3DIS_"))}
    return {**kept, "HF_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def _local(arguments):
    here = arguments[0] if arguments else None
    return isinstance(here, socket.socket) and here.family == getattr(socket, "AF_UNIX", None)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    which, sys.argv = sys.argv[2], [sys.argv[2], *sys.argv[3:]]
    if which == "fast3dis":
        from fast3dis_core.cli import main

        main()
    elif which == "viewer":
        from app.application import main

        raise SystemExit(main())
    else:  # what the guard itself is tested with
        with socket.socket() as caller:
            caller.connect_ex(("127.0.0.1", 9))
