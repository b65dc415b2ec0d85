"""Keeps None, True and False alive under a Qt binding that gives away references it does not own.

PySide6 6.12 is built for Pythons whose singletons are immortal (3.12 and later). Under 3.11 every Qt call that returns
nothing takes one reference from None (measured: `QTimer.stop`, `QWidget.update` and `setVisible` -1 each), and every
signal with a bool takes some from True, until the interpreter ends the process with "deallocating None": after some
ten thousand calls, which is a minute of dragging. Here they get more references than anybody can take away.
"""

import ctypes
import sys

PLENTY = 1 << 40  # references: at a million Qt calls a second they last twelve days


def make_singletons_immortal() -> bool:
    """Give the singletons references to spare, where the interpreter does not; whether it did anything."""
    if sys.version_info >= (3, 12):
        return False
    done = False
    for singleton in (None, True, False):
        count = ctypes.c_ssize_t.from_address(id(singleton))
        # of a debugging build another field comes first; nothing is written that was not recognized
        if abs(count.value - sys.getrefcount(singleton)) < 100:
            count.value += PLENTY
            done = True
    return done
