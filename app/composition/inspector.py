"""The inspector of the decoder: its panels, their presenters, and what connects them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget

from app.number_colors import ASKING_MODES
from app.presenters.anchor_drag import AnchorDrag
from app.presenters.anchor_stage import AnchorStagePresenter
from app.presenters.anchors import AnchorsPresenter
from app.presenters.evidence import TAB as EVIDENCE
from app.presenters.evidence import EvidencePresenter
from app.presenters.hijacks import HijackPresenter
from app.presenters.last_change import LastChangePresenter
from app.presenters.photo_anchors import PhotoAnchorsPresenter
from app.presenters.prompts import PromptsPresenter
from app.presenters.thresholds import TAB as THRESHOLDS
from app.presenters.thresholds import ThresholdsPresenter
from app.presenters.what_if import WhatIfPresenter
from app.probe import ANCHORS, WHAT_IF
from app.widgets.anchors_panel import AnchorsPanel
from app.widgets.evidence_panel import EvidencePanel
from app.widgets.hijack_panel import HijackPanel
from app.widgets.inspector import Inspector
from app.widgets.photo_anchors import PhotoAnchor
from app.widgets.threshold_panel import ThresholdPanel
from app.widgets.what_if_panel import WhatIfPanel

if TYPE_CHECKING:
    from app.actions import Actions
    from app.presenters.decoding_panel import DecodingPanelPresenter
    from app.session.session import Session
    from app.viewport.viewport import Viewport
    from app.widgets.photo_view import PhotoView
    from app.widgets.theme import Theme
    from app.workflow import Workflow


class InspectorParts:
    """Panels in tabs, and their presenters.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: "Theme") -> None:
        self.hijacks, self.anchors, self.evidence = HijackPanel(theme), AnchorsPanel(), EvidencePanel(theme)
        self.what_if, self.thresholds = WhatIfPanel(theme), ThresholdPanel(theme)
        self.widget = Inspector(
            (
                (ANCHORS, self.anchors),
                ("Hijacks", self.hijacks),
                (EVIDENCE, self.evidence),
                (WHAT_IF, self.what_if),
                (THRESHOLDS, self.thresholds),
            )
        )

    def pick(self, row: int) -> bool:
        """A click on a cloud row; whether it was meant for an anchor."""
        return self.prompts.pick(row)

    def connect(
        self,
        session: "Session",
        workflow: "Workflow",
        actions: "Actions",
        viewport: "Viewport",
        photo: "PhotoView",
        filters: "DecodingPanelPresenter",
    ) -> None:
        """Make the presenters and connect everything."""
        copy = QGuiApplication.clipboard().setText
        hijacks = HijackPresenter(session, actions, self.hijacks, copy, self.widget.set_figures)
        anchors, stage = self._connect_anchors(session, workflow, actions, viewport, photo)
        evidence = EvidencePresenter(session, actions, self.evidence, photo, copy)
        what_if = WhatIfPresenter(session, actions, self.what_if, copy)
        thresholds = ThresholdsPresenter(session, actions, self.thresholds, copy)
        self.presenters = hijacks, anchors, stage, evidence, what_if, thresholds
        self._session = session
        dock = self.widget.parentWidget()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        assert dock is not None, "the window has made its docks"
        self.widget.follow(dock)
        self.widget.looked_at.connect(self._look)
        for signal, slot in (
            (self.hijacks.cell_clicked, hijacks.choose_cell),
            (self.hijacks.cell_hovered, hijacks.hover_cell),
            (self.hijacks.theft_chosen, hijacks.choose_theft),
            (self.hijacks.group_chosen, hijacks.choose_group),
            (self.hijacks.contested_toggled, hijacks.mark_contested),
            (self.hijacks.keep_requested, hijacks.keep_better),
            (self.hijacks.merge_requested, hijacks.merge),
            (self.hijacks.mute_requested, hijacks.mute),
            (self.hijacks.side_by_side_toggled, hijacks.toggle_side_by_side),
            (self.hijacks.copy_requested, hijacks.copy),
            (self.hijacks.matrix_copy_requested, hijacks.copy_matrix),
            (self.evidence.layer_chosen, evidence.choose_layer),
            (self.evidence.head_chosen, evidence.choose_head),
            (self.evidence.view_chosen, evidence.choose_view),
            (self.evidence.copy_requested, evidence.copy),
            (self.what_if.query_requested, what_if.mute_queries),
            (self.what_if.view_requested, what_if.mute_view),
            (self.what_if.link_requested, what_if.cut_link),
            (self.what_if.attention_requested, what_if.toggle_attention),
            (self.what_if.revert_requested, what_if.revert),
            (self.what_if.put_back, what_if.dismiss),
            (self.what_if.reference_chosen, what_if.choose_reference),
            (self.what_if.color_toggled, what_if.color_changes),
            (self.what_if.query_chosen, what_if.select),
            (self.what_if.copy_requested, what_if.copy),
            (self.thresholds.changed, filters.set),
            (self.thresholds.moved, thresholds.move),
            (self.thresholds.gesture_finished, filters.finish_gesture),
            (self.thresholds.copy_requested, thresholds.copy),
        ):
            signal.connect(slot)

    def _connect_anchors(
        self, session: "Session", workflow: "Workflow", actions: "Actions", viewport: "Viewport", photo: "PhotoView"
    ) -> "tuple[AnchorsPresenter, AnchorStagePresenter]":
        """Anchors on stage, in the photo and in their panel, and queries of the user's own."""
        self.drag = drag = AnchorDrag(session, workflow.probe)
        tool, marks = viewport.anchor_tool, photo.anchors
        drag.changed.connect(lambda state: viewport.motion.set_held(state is not None))
        drag.asks.connect(lambda exact: viewport.motion.wait_for_colors(exact))
        session.reconstruction_changed.connect(lambda _: viewport.motion.colors_came())
        # a window is put together as a whole: the photo comes with the frame, not with one of its own before it
        viewport.view.waits.connect(lambda on: photo.setUpdatesEnabled(not on))
        anchors = AnchorsPresenter(session, actions, drag, self.anchors)
        self.last_change = last = LastChangePresenter(session, workflow.probe, self.anchors.changes)
        stage = AnchorStagePresenter(session, actions, drag, stage=viewport, tool=tool, note=tool.note)
        self.in_photo = in_photo = PhotoAnchorsPresenter(session, drag, marks, PhotoAnchor)
        self.prompts = prompts = PromptsPresenter(
            session,
            actions,
            workflow.probe,
            stage=viewport,
            note=tool.note,
            panel=self.anchors,
            start=workflow.start,
        )
        self.tools = tool, marks, prompts  # what can be given up
        for signal, slot in (
            (tool.clicked, drag.click),
            (tool.dragged, drag.move),
            (tool.dropped, drag.drop),
            (tool.abandoned, drag.abandon),
            (marks.clicked, drag.click),
            (marks.dragged, in_photo.move),
            (marks.deepened, in_photo.deepen),
            (marks.dropped, in_photo.drop),
            (marks.abandoned, drag.abandon),
            (self.anchors.layer_changed, anchors.set_layer),
            (self.anchors.selected, anchors.select),
            (self.anchors.position_typed, anchors.place),
            (self.anchors.pin_toggled, anchors.pin),
            (self.anchors.reset_requested, anchors.reset),
            (self.anchors.mode_toggled, prompts.toggle),
            (self.anchors.content_chosen, prompts.choose_content),
            (self.anchors.remove_requested, prompts.remove),
            (self.anchors.changes.all_requested, self._show_changes),
            (self.anchors.changes.query_chosen, last.select),
            (self.anchors.reset_all_requested, anchors.reset_all),
        ):
            signal.connect(slot)
        return anchors, stage

    def _show_changes(self) -> None:
        """What the last change did to every instance."""
        self._session.show(replace(self._session.display, reference="previous"))
        self.widget.show_tab(WHAT_IF)

    def _look(self, tab: str) -> None:
        """A tab came into sight, or the inspector went out of it."""
        display = self._session.display
        asks = bool(tab) or display.color_mode in ASKING_MODES
        self._session.show(replace(display, inspecting=asks, tab=tab))
