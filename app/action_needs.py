"""What is missing while an action cannot be done, as one sentence that holds at every such moment.

Shown by tool tips and the palette, so that nobody has to guess why a command is gray.
"""

_RESULT = "Needs a result: run photos, or open a session."
_FEATURES = "Needs a result whose features are there: run photos, or open a session that was saved with them."
_SELECTED = "Needs a selected instance."

_BY_SENTENCE = {
    _RESULT: (
        "save", "save_as", "export", "next_color", "fit", "look_front", "look_top", "look_side", "through_photo",
        "reset_look", "orthographic", "larger_points", "smaller_points", "box", "play_views", "photo_masks",
        "photo_larger", "photo_smaller", "photo_fit", "photo_actual", "copy_picture", "save_picture", "show_dropped",
        "previous_instance", "next_instance", "copy_table", "measure", "color_instance", "color_photo",
        "color_objectness", "color_query", "color_view", "color_confidence", "color_depth", "color_claims",
        "color_margin", "color_bid", "color_contested", "color_difference", "eye_dome", "axes", "grid", "cameras",
        "photo_planes", "larger_cameras", "smaller_cameras", "up_cameras", "up_x", "up_y", "up_z", "flip_up",
        "background_theme", "background_gradient", "background_white", "background_black", "budget_0",
        "budget_250000", "budget_1000000", "budget_4000000", "budget_1000000000", "picture", "copy_stage", "turntable",
    ),
    "Needs a result, and what the compare panel is set to.": ("compare",),
    "Compare with something first.": ("copy_comparison",),
    "Needs a result with masks.": ("anchors", "trails", "layer_down", "layer_up"),
    _FEATURES: (
        "save_small", "mute_view", "self_attention",
    ),
    _SELECTED: ("hide", "isolate", "fit_selection", "copy_name", "recolor"),
    "Needs an instance that passes the filters.": ("invert_hidden", "select_all"),
    "Needs exactly one selected instance.": ("rename",),
    "Needs two selected instances or more.": ("merge",),
    "Needs a selected instance that was merged.": ("split",),
    "Needs a selected instance with a color that was chosen.": ("reset_color",),
    "Needs a selected anchor that was moved or pinned.": ("reset_anchor",),
    "No anchor was moved or pinned.": ("reset_anchors",),
    "Needs a result, and a view before this one.": ("previous_view",),
    "Needs a result, and a view after this one.": ("next_view",),
    "Nothing was changed yet.": ("undo",),
    "Nothing was undone.": ("redo",),
    "Nothing is hidden by hand.": ("show_all",),
    "Every filter is as it is by default.": ("reset_filters",),
    "Needs a result, and a threshold above its least value.": ("objectness_down",),
    "Needs a result, and a threshold below its greatest value.": ("objectness_up",),
    "Needs a result in which one query took pixels from another.": ("copy_thefts",),
    "Needs measured claims: look at the inspector first.": ("copy_matrix",),
    "Choose two queries in the inspector's Hijacks first.": ("side_by_side",),
    "Needs photos, and no run or look at weights that goes on: open a folder, files or a video.": ("run",),
    "Needs photos, and a result of them.": ("setup",),
    "Nothing was left unsaved by a program that ended.": ("recover",),
    "Needs a selected query, in a result whose features are there.": ("pin", "mute_query"),
    "Nothing is taken out of the decoder.": ("revert_what_if",),
    "Open What if in the inspector.": ("copy_changes",),
    "Look at the inspector first.": ("copy_thresholds",),
    "Select one query in the inspector.": ("copy_evidence",),
    "Measure a line first.": ("calibrate",),
    "Nothing is running.": ("cancel",),
    "Needs a loaded model that is not in use.": ("unload",),
    "Needs a result that was computed in this window.": ("copy_command",),
    "Nothing was exported yet.": ("show_export", "copy_export_path"),
    "This installation has no sample photos.": ("sample",),
}  # fmt: skip

NEEDS = {name: sentence for sentence, names in _BY_SENTENCE.items() for name in names}
