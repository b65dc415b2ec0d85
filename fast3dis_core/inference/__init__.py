"""Steps on one scene: device, precision, chunking and progress live here."""
