"""The desktop program `fast3dis-viewer`."""
