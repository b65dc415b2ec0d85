"""The point cloud: one actor for the whole scene and a small stand-in for while the camera moves.

Every point carries its row (which instance owns it), its photo color and a number to be colored by. A lookup table
with one entry per row and a few shader uniforms decide the rest, so that selecting, filtering and switching colors
never touch the points. Alpha of a table entry is no transparency but a kind: see the levels below, which are those of
`app.coloring`. Takes "a plotter", so it can be tested off-screen.
"""

from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.vtkCommonCore import vtkLookupTable
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from app.drawing_order import Drawable, drawable

POINT_SIZE = 2.0
STAND_IN_GROWTH = 2.25  # most times as large as other points those of the stand-in are: there are fewer
STOPS = 33  # colors of a scale of numbers

# Levels of alpha: hidden 0, unassigned beside a selection 64, unassigned 128, instance beside a selection 192,
# preview of an instance 224, instance 255. `keep` is the share of its color a point keeps, the rest is background.
_COLOR = """//VTK::Color::Impl
  float kind = scalarColor.a;
  vec3 photo = photoColor.rgb / 255.0;  // bytes arrive unscaled
  vec3 gray = vec3(dot(photo, vec3(0.2126, 0.7152, 0.0722)));
  vec3 preview = mix(photo, scalarColor.rgb, kind > 0.8 && kind < 0.9 ? 0.7 : 1.0);
  vec3 instanceShade = kind > 0.6 ? preview : mix(gray, photo, 0.35);
  float instanceKeep = kind > 0.8 ? 1.0 : kind > 0.6 ? 0.25 : kind > 0.4 ? 0.45 : 0.18;
  float pointKeep = kind > 0.8 ? 1.0 : kind > 0.6 ? 0.25 : kind > 0.4 ? 1.0 : 0.25;
  float place = clamp((pointValue - valueLow) / max(valueHigh - valueLow, 1e-9), 0.0, 1.0) * 32.0;
  int stop = 3 * int(min(place, 31.0));
  vec3 below = vec3(stops[stop], stops[stop + 1], stops[stop + 2]);
  vec3 above = vec3(stops[stop + 3], stops[stop + 4], stops[stop + 5]);
  vec3 pointShade = mix(photo, mix(below, above, place - float(stop / 3)), valueMode);
  vec3 shade = mix(instanceShade, pointShade, pointMode);
  float keep = mix(instanceKeep, pointKeep, pointMode);
  vertexColorVSOutput = vec4(mix(background, shade, keep), 1.0);
"""
_CULL = """//VTK::PositionVC::Impl
  bool spared = fract(0.618034 * float(gl_VertexID % 65536)) >= pointShare;  // evenly among neighbors
  if (scalarColor.a < 0.1 || spared) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
"""
# An alpha that is known leaves nothing to discard: software OpenGL may then look at the depth before it shades.
_SHADE = """//VTK::Light::Impl
  fragOutput0 = vec4(vertexColorVSOutput.rgb, 1.0);
"""


class PointCloudLayer:
    """Points of one reconstruction.

    Parameters
    ----------
    plotter : pyvista.Plotter or QtInteractor
    """

    def __init__(self, plotter: Any) -> None:
        self._renderer = plotter.renderer
        self._table = vtkLookupTable()
        self._table.SetNumberOfTableValues(1)
        self._full = _Points(self._table, POINT_SIZE)
        self._stand_in = _Points(self._table, POINT_SIZE)
        for points in (self._full, self._stand_in):
            self._renderer.AddActor(points.actor)
        self._behind: set[_Points] = set()  # whose rows are not the present ones
        self.set_moving(False)
        self._drawn = np.empty(0, np.int64)  # cloud rows of the drawn points
        self._owners: NDArray[np.int32] = np.empty(0, np.int32)  # of all cloud points
        self._alpha: NDArray[np.uint8] = np.zeros(1, np.uint8)
        self._subset: NDArray[np.int64] = np.empty(0, np.int64)  # drawn points in the stand-in
        self.total = 0
        self.spacing = 0.0  # of drawn points, scene units
        self.drawable: Drawable | None = None  # what is drawn; another layer can draw the same

    @property
    def drawn(self) -> int:
        """Number of points on show at most; less than `total` if the budget thinned them."""
        return len(self._drawn)

    @property
    def point_size(self) -> float:
        """Edge of a point as it is drawn now, device pixels."""
        shown = self._full if self._full.actor.GetVisibility() else self._stand_in
        return float(shown.actor.GetProperty().GetPointSize())

    @property
    def points(self) -> NDArray[np.float32]:
        """Drawn points (M, 3), world."""
        return np.asarray(self._full.data.points)

    def set_cloud(
        self,
        points: NDArray[np.float32],
        colors: NDArray[np.uint8],
        valid: NDArray[np.bool_],
        budget: int,
        prepared: Drawable | None = None,
    ) -> None:
        """Show another cloud, nobody owning any point yet.

        Parameters
        ----------
        points : array (P, 3) float32
            World.
        colors : array (P, 3) uint8
            Photo colors.
        valid : array (P,) bool
            Others are not drawn.
        budget : int
            Most points drawn; more are thinned evenly over photos.
        prepared : Drawable, optional
            Of this cloud, made beforehand; one of another budget is not used.
        """
        if prepared is None or prepared.budget != budget:
            prepared = drawable(points, colors, valid, budget)
        self.drawable = prepared
        self.total, self._drawn, self._subset = prepared.total, prepared.rows, prepared.subset
        self.spacing = prepared.spacing
        self._full.set(prepared.points, prepared.colors)
        self._stand_in.set(prepared.points[self._subset], prepared.colors[self._subset])
        self._owners = np.zeros(len(points), np.int32)
        self._behind = set()

    def set_rows(self, rows: NDArray[np.int32]) -> None:
        """Owner of every point: array (P,) int32, entries of the table."""
        self._owners = rows
        self._behind = {self._full, self._stand_in}
        self._catch_up()

    def _catch_up(self) -> None:
        """Give their rows to the points that are on show; the others wait until they are."""
        for points in [points for points in self._behind if points.actor.GetVisibility()]:
            self._behind.discard(points)
            points.set_rows(self._rows if points is self._full else self._owners[self._drawn[self._subset]])

    @property
    def _rows(self) -> NDArray[np.int32]:
        """Owners of the drawn points."""
        return self._owners[self._drawn]

    def set_table(self, table: NDArray[np.uint8]) -> None:
        """Color and kind of every owner: array (N + 2, 4) uint8."""
        count = len(table)
        self._table.SetNumberOfTableValues(count)
        self._table.SetTableRange(-0.5, count - 0.5)
        for row, (red, green, blue, alpha) in enumerate(table / 255.0):
            self._table.SetTableValue(row, red, green, blue, alpha)
        self._table.Modified()
        self._alpha = table[:, 3].copy()

    def set_point_colors(self, by: str) -> None:
        """Color every point by its "row", its "photo" or its "value"."""
        for points in (self._full, self._stand_in):
            points.uniforms.SetUniformf("pointMode", float(by != "row"))
            points.uniforms.SetUniformf("valueMode", float(by == "value"))

    def set_values(self, values: NDArray[np.float32], low: float, high: float, stops: NDArray[np.uint8]) -> None:
        """Number of every cloud point (P,), and the evenly spaced colors (33, 3) of those from `low` to `high`."""
        assert len(stops) == STOPS, "the shader counts on this many"
        self._full.set_values(values[self._drawn])
        self._stand_in.set_values(values[self._drawn[self._subset]])
        colors = (stops.astype(float) / 255).ravel().tolist()
        for points in (self._full, self._stand_in):
            points.uniforms.SetUniformf("valueLow", low)
            points.uniforms.SetUniformf("valueHigh", high)
            points.uniforms.SetUniform1fv("stops", len(colors), colors)

    def set_background(self, color: tuple[float, float, float]) -> None:
        """Color that faded points recede to, in [0, 1]."""
        for points in (self._full, self._stand_in):
            points.uniforms.SetUniform3f("background", color)

    def set_point_size(self, size: float) -> None:
        """Edge of a point, device pixels; those of the stand-in cover about the same surface."""
        growth = min((len(self._drawn) / max(1, len(self._subset))) ** 0.5, STAND_IN_GROWTH)
        self._full.actor.GetProperty().SetPointSize(size)
        self._stand_in.actor.GetProperty().SetPointSize(size * growth)

    def set_share(self, share: float) -> None:
        """Draw this share of the points only."""
        self._full.uniforms.SetUniformf("pointShare", share)

    def set_moving(self, moving: bool) -> None:
        """Draw the stand-in instead of all points."""
        self._full.actor.SetVisibility(not moving)
        self._stand_in.actor.SetVisibility(moving)
        self._catch_up()

    def nearest(self, position: tuple[float, float, float]) -> int:
        """Cloud row of the visible point nearest to a world position, -1 if none is visible."""
        place = self._nearest(position)
        return -1 if place is None else int(self._drawn[place])

    def snap(self, position: tuple[float, float, float]) -> NDArray[np.float32] | None:
        """The visible point (3,) nearest to a world position, None if none is visible."""
        place = self._nearest(position)
        return None if place is None else self.points[place]

    def _nearest(self, position: tuple[float, float, float]) -> int | None:
        # brute force: 10 ms for a million points, and a click is rare; a locator would take 100 ms to build
        visible = np.flatnonzero(self._alpha[self._rows] > 0)
        if not len(visible):
            return None
        offset = self.points[visible] - np.asarray(position, np.float32)
        return int(visible[np.argmin(np.einsum("pi,pi->p", offset, offset))])


class _Points:
    """One actor: points with a row and a photo color each."""

    def __init__(self, table: vtkLookupTable, size: float) -> None:
        self.data = pv.PolyData()
        self._mapper = vtkPolyDataMapper()
        self._mapper.SetScalarModeToUsePointFieldData()
        self._mapper.SelectColorArray("row")
        self._mapper.SetColorModeToMapScalars()
        self._mapper.SetLookupTable(table)
        self._mapper.UseLookupTableScalarRangeOn()
        self._mapper.MapDataArrayToVertexAttribute("photoColor", "photo", 0, -1)  # 0: data of points
        self._mapper.MapDataArrayToVertexAttribute("pointValue", "value", 0, -1)
        self.actor = vtkActor()
        self.actor.SetMapper(self._mapper)
        self.actor.ForceOpaqueOn()  # table entries below alpha 1 would make the whole actor translucent
        look = self.actor.GetProperty()
        look.SetRepresentationToPoints()
        look.SetPointSize(size)
        look.LightingOff()
        shader = self.actor.GetShaderProperty()
        declaration = "//VTK::Color::Dec\nin vec4 photoColor;\nin float pointValue;\n"
        shader.AddVertexShaderReplacement("//VTK::Color::Dec", True, declaration, False)
        shader.AddVertexShaderReplacement("//VTK::Color::Impl", True, _COLOR, False)
        shader.AddVertexShaderReplacement("//VTK::PositionVC::Impl", True, _CULL, False)
        shader.AddFragmentShaderReplacement("//VTK::Light::Impl", True, _SHADE, False)
        self.uniforms = shader.GetVertexCustomUniforms()
        self.uniforms.SetUniformf("pointShare", 1.0)
        for name in ("pointMode", "valueMode", "valueLow", "valueHigh"):
            self.uniforms.SetUniformf(name, 0.0)
        self.uniforms.SetUniform1fv("stops", 3 * STOPS, [0.0] * (3 * STOPS))
        self.uniforms.SetUniform3f("background", (0.0, 0.0, 0.0))

    def set(self, points: NDArray[np.float32], colors: NDArray[np.uint8]) -> None:
        self.data = pv.PolyData()
        if len(points):  # PyVista refuses empty arrays
            self.data = pv.PolyData(np.ascontiguousarray(points, np.float32))
            self.data.point_data["photo"] = colors
            self.data.point_data["value"] = np.zeros(len(points), np.float32)
            self.data.point_data["row"] = np.zeros(len(points), np.int32)
        self._mapper.SetInputData(self.data)

    def set_rows(self, rows: NDArray[np.int32]) -> None:
        if len(rows):
            self.data.point_data["row"][...] = rows

    def set_values(self, values: NDArray[np.float32]) -> None:
        if len(values):
            self.data.point_data["value"][...] = values
