"""Construction and wiring by domain: makes what belongs together, connects it, and hands it to the program."""
