"""The inspector of the decoder: its panels, their presenters, and what connects them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget

from app.presenters.anchor_stage import AnchorStagePresenter
from app.presenters.anchors import AnchorsPresenter
from app.presenters.hijacks import HijackPresenter
from app.widgets.anchors_panel import AnchorsPanel
from app.widgets.hijack_panel import HijackPanel
from app.widgets.inspector import Inspector

if TYPE_CHECKING:
    from app.actions import Actions
    from app.session.session import Session
    from app.viewport.viewport import Viewport
    from app.widgets.theme import Theme
    from app.workflow import Workflow


class InspectorParts:
    """Panels in tabs, and their presenters.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: "Theme") -> None:
        self.hijacks, self.anchors = HijackPanel(theme), AnchorsPanel()
        self.widget = Inspector((("Anchors", self.anchors), ("Hijacks", self.hijacks)))

    def connect(self, session: "Session", workflow: "Workflow", actions: "Actions", viewport: "Viewport") -> None:
        """Make the presenters and connect everything."""
        hijacks = HijackPresenter(session, actions, self.hijacks, QGuiApplication.clipboard().setText)
        anchors = AnchorsPresenter(session, actions, workflow.probe, self.anchors)
        stage = AnchorStagePresenter(session, actions, anchors, viewport)
        self.presenters = hijacks, anchors, stage
        tool = viewport.anchor_tool
        dock = self.widget.parentWidget()
        assert isinstance(dock, QDockWidget), "the window has made its docks"
        self.widget.follow(dock)
        self.widget.looked_at.connect(lambda there: session.show(replace(session.display, inspecting=there)))
        for signal, slot in (
            (tool.clicked, stage.click),
            (tool.dragged, stage.drag),
            (tool.dropped, stage.drop),
            (tool.abandoned, stage.abandon),
            (self.hijacks.cell_clicked, hijacks.choose_cell),
            (self.hijacks.cell_hovered, hijacks.hover_cell),
            (self.hijacks.theft_chosen, hijacks.choose_theft),
            (self.hijacks.keep_requested, hijacks.keep_better),
            (self.hijacks.merge_requested, hijacks.merge),
            (self.hijacks.mute_requested, hijacks.mute),
            (self.hijacks.copy_requested, hijacks.copy),
            (self.anchors.layer_changed, anchors.set_layer),
            (self.anchors.selected, anchors.select),
            (self.anchors.position_typed, anchors.place),
            (self.anchors.pin_toggled, anchors.pin),
            (self.anchors.reset_requested, anchors.reset),
            (self.anchors.reset_all_requested, anchors.reset_all),
        ):
            signal.connect(slot)
