"""Shading by depth (eye-dome lighting, Boucheny 2009): what lies behind something nearer is darker, which shows shape.

One rectangle over the window darkens what is drawn already, by the depths around each pixel. Only how steeply they
rise counts, so it looks the same near and far; every neighbor counts up to a limit, so that thin clouds and borders
are never black; and the background stays as it is. VTK's own shading has none of this, and no setting.
Takes "a plotter", so it can be tested off-screen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyvista as pv
from vtkmodules.vtkCommonCore import VTK_OBJECT
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper
from vtkmodules.vtkRenderingOpenGL2 import vtkTextureObject

DARKEST = 0.9  # share of its color that a place loses which is deep behind all its neighbors
STEEPNESS = 3.0  # rise in depth per step aside at which a neighbor counts half
REACH = 1.5  # step aside in edges of a point: within one there is nothing to see
SHORTEST = 2.0  # device pixels

_PLACE = """//VTK::PositionVC::Impl
  gl_Position = vec4(vertexMC.xy, 0.0, 1.0);  // the rectangle is the window, wherever the camera is
"""
_DECLARE = """//VTK::Color::Dec
uniform sampler2D depths;
uniform vec2 texel;
uniform vec2 range;  // of distances between the clipping planes
uniform float pixel;  // edge of a pixel at distance 1, or at any without perspective, scene units
uniform float parallel;
uniform float reach;

float distanceAt(vec2 place)
{
  float depth = texture(depths, place).r;
  float level = range.x + depth * (range.y - range.x);
  return mix(range.x * range.y / (range.y - depth * (range.y - range.x)), level, parallel);
}
"""
_SHADE = """//VTK::Light::Impl
  vec2 here = gl_FragCoord.xy * texel;
  if (texture(depths, here).r >= 1.0) discard;
  float away = distanceAt(here);
  float aside = reach * pixel * mix(away, 1.0, parallel);
  float sum = 0.0;
  for (int side = 0; side < 8; side++)
  {
    float angle = 0.785398 * float(side);
    float rise = max(0.0, away - distanceAt(here + reach * texel * vec2(cos(angle), sin(angle))));
    sum += rise / (rise + STEEPNESS * aside);
  }
  gl_FragData[0] = vec4(0.0, 0.0, 0.0, DARKEST * sum / 8.0);
""".replace("DARKEST", str(DARKEST)).replace("STEEPNESS", str(STEEPNESS))


class EyeDome:
    """Shading of one scene; made before everything translucent that is not to be darkened, such as cameras.

    Parameters
    ----------
    plotter : pyvista.Plotter or QtInteractor
        Without multisampling: depths of several samples cannot be copied.
    point_size : callable
        Edge of a point, device pixels.
    """

    def __init__(self, plotter: Any, point_size: Callable[[], float]) -> None:
        self._renderer, self._window, self._point_size = plotter.renderer, plotter.render_window, point_size
        self._depths, self._size = vtkTextureObject(), (0, 0)
        corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], np.float32)
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(pv.PolyData(corners, faces=[4, 0, 1, 2, 3]))
        self._mapper, self._shaded = mapper, mapper.AddObserver("UpdateShaderEvent", self._prepare)
        self._actor = vtkActor()
        self._actor.SetMapper(mapper)
        self._actor.ForceTranslucentOn()
        self._actor.UseBoundsOff()
        self._actor.PickableOff()
        self._actor.VisibilityOff()
        shader = self._actor.GetShaderProperty()
        shader.AddVertexShaderReplacement("//VTK::PositionVC::Impl", True, _PLACE, False)
        shader.AddFragmentShaderReplacement("//VTK::Color::Dec", True, _DECLARE, False)
        shader.AddFragmentShaderReplacement("//VTK::Light::Impl", True, _SHADE, False)
        self._renderer.AddActor(self._actor)
        self._tag = self._renderer.AddObserver("EndEvent", self._let_go)

    @property
    def on(self) -> bool:
        """Whether it shades."""
        return bool(self._actor.GetVisibility())

    def set_on(self, on: bool) -> None:
        """Shade, or not."""
        self._actor.SetVisibility(on)

    def end(self) -> None:
        """Free the graphics; call while there is a window."""
        self._renderer.RemoveObserver(self._tag)
        self._mapper.RemoveObserver(self._shaded)  # else both would keep each other, and the viewport, forever
        self._depths.ReleaseGraphicsResources(self._window)

    def _prepare(self, mapper: Any, event: str, program: Any) -> None:
        """Copy what was drawn so far, right before shading: no texture can be read while it is drawn to."""
        width, height = self._window.GetSize()
        self._depths.SetContext(self._window)
        if (width, height) != self._size:
            self._size = width, height
            self._depths.AllocateDepth(width, height, vtkTextureObject.Float32)
        self._depths.CopyFromFrameBuffer(0, 0, 0, 0, width, height)
        self._depths.Activate()
        camera = self._renderer.GetActiveCamera()
        parallel = bool(camera.GetParallelProjection())
        half = camera.GetParallelScale() if parallel else np.tan(np.radians(camera.GetViewAngle() / 2))
        program.SetUniformi("depths", self._depths.GetTextureUnit())
        program.SetUniform2f("texel", (1 / width, 1 / height))
        program.SetUniform2f("range", camera.GetClippingRange())
        program.SetUniformf("pixel", 2 * float(half) / height)
        program.SetUniformf("parallel", float(parallel))
        program.SetUniformf("reach", max(SHORTEST, REACH * self._point_size()))

    _prepare.CallDataType = VTK_OBJECT  # type: ignore[attr-defined]  # VTK looks for it

    def _let_go(self, *_: object) -> None:
        if self._size != (0, 0):
            self._depths.Deactivate()
