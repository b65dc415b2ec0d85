"""The way into the desktop program, from its first import on; the rest is `application`."""

from fast3dis_core.starting import QuietStart


def main() -> int:
    """Entry point of the `fast3dis-viewer` script; the exit status."""
    with QuietStart():  # until there is a window, which has an end of its own
        from app.application import main as run

        return run()
