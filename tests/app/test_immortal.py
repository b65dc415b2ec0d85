"""Qt calls by the hundred thousand do not use up None, True and False."""

import subprocess
import sys
from pathlib import Path

CODE = """
from app.immortal import make_singletons_immortal
make_singletons_immortal()
make_singletons_immortal()  # once for every program in a process
from PySide6.QtCore import QObject, QTimer, Signal
class Told(QObject):
    told = Signal(bool)
timer, object = QTimer(), Told()
object.told.connect(lambda value: None)
for _ in range(300_000):
    timer.stop()
for _ in range(20_000):
    object.told.emit(True)
"""


def test_three_hundred_thousand_qt_calls_leave_the_interpreter_alive():
    done = subprocess.run([sys.executable, "-c", CODE], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
