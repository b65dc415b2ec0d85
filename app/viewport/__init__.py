"""The 3D view: the only home of PyVista and VTK."""
