"""PySide6 widgets that know strings, numbers and arrays, and nothing of the session."""
