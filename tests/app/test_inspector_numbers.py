"""Every number that the inspector shows, and the tests that hold it against a plain recomputation.

A number that comes to a panel comes to this list; what it names must exist.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
HIJACKS, ANCHORS, EVIDENCE = "app/test_hijacks.py", "app/test_anchors.py", "app/test_evidence.py"
CHANGES, WHAT_IF, SAMPLE = "app/test_last_change.py", "app/test_what_if.py", "gui/test_what_if_sample.py"
PAIR, THRESHOLDS, HEALTH = "app/test_side_by_side.py", "app/test_thresholds.py", "core/test_anchor_health.py"
BESIDE, WORDS = "app/test_comparison_numbers.py", "app/test_comparing.py"
CLAIMS, INSPECTOR, ATTENTION = (
    "core/inference/test_inspection.py",
    "gui/test_inspector.py",
    "core/test_query_evidence.py",
)
NUMBERS = {
    "Figures: hijack rate": (HIJACKS, "test_figures_go_with_the_result"),
    "Figures: rate, claimed twice and gaps without queries of one's own": (
        HIJACKS,
        "test_queries_of_the_users_own_are_listed_but_in_no_figure",
    ),
    "Figures: claimed twice, gaps": (HIJACKS, "test_figures_are_those_of_a_plain_recomputation"),
    "Figures: claims they are made of": (CLAIMS, "test_claims_are_those_of_a_plain_recomputation"),
    "Figures: claims of the network alone": (CLAIMS, "test_queries_of_the_users_own_are_counted_apart"),
    "Anchors: used, away, on another, never active": (
        ANCHORS,
        "test_figures_of_anchors_are_those_of_the_network_alone",
    ),
    "Anchors: capacity warning": (ANCHORS, "test_full_capacity_is_a_warning"),
    "Anchors: layer": (ANCHORS, "test_layers_are_walked_and_end_at_both_ends"),
    "Anchors: position": (ANCHORS, "test_positions_are_those_of_the_layer_shown"),
    "Anchors: refined by": (ANCHORS, "test_the_way_of_refinement_is_the_distance_from_where_it_was_put"),
    "Anchors: lengths in meters": (ANCHORS, "test_a_true_scale_is_that_of_every_length"),
    "Anchors: scores of a new query's contents": (
        "app/test_prompts.py",
        "test_a_click_makes_a_query_of_the_best_content_and_undo_takes_it_back",
    ),
    "Anchors: last change, counts, IoU and points": (
        CHANGES,
        "test_a_change_is_listed_with_the_biggest_first_and_a_line_selects",
    ),
    "Anchors: last change with the real network": (
        SAMPLE,
        "test_after_a_drop_the_panel_of_anchors_lists_what_it_did_to_all_others",
    ),
    "Ledger: objectness": (ANCHORS, "test_scores_of_the_ledger_are_those_of_the_layer_shown"),
    "Ledger: numbers in reasons": ("core/test_ledger.py", "test_what_was_not_assembled_says_why"),
    "Ledger: distances, layers, duplicates": (
        ANCHORS,
        "test_the_ledger_has_every_query_and_health_comes_with_the_inspection",
    ),
    "Health: distances and layers": (HEALTH, "test_distances_are_those_to_the_points_of_the_instance"),
    "Health: duplicates": (
        HEALTH,
        "test_an_anchor_far_away_is_not_inside_and_one_on_another_is_a_duplicate",
    ),
    "Hijacks: matrix, list, pair": (HIJACKS, "test_every_text_of_the_panel_is_that_of_a_plain_recomputation"),
    "Hijacks: pixels of a pair": (HIJACKS, "test_a_pair_is_looked_at_where_it_meets_and_its_pixels_are_counted"),
    "Hijacks: pixels of a group": (HIJACKS, "test_a_group_is_chosen_and_only_its_surest_kept"),
    "Hijacks: colors of the matrix": (HIJACKS, "test_more_overlap_is_brighter"),
    "Hijacks: matrix as CSV": (HIJACKS, "test_the_matrix_goes_to_csv_with_query_numbers_on_both_edges"),
    "Hijacks: list as CSV": (HIJACKS, "test_the_list_is_sorted_and_survives_the_way_to_csv"),
    "Side by side: pixels, contested, won, objectness": (
        PAIR,
        "test_the_surer_one_is_left_and_both_sides_say_what_they_claim_share_and_win",
    ),
    "Evidence: shares": (EVIDENCE, "test_every_line_is_the_plain_mean_and_they_sum_to_one"),
    "Evidence: shares of one layer and head": (EVIDENCE, "test_a_layer_and_a_head_can_be_looked_at_alone"),
    "Evidence: sums in the sentence, layers by look": (
        EVIDENCE,
        "test_layers_are_counted_by_how_each_camera_sees_the_anchor_they_read_at",
    ),
    "Evidence: share at the crosshair": (
        EVIDENCE,
        "test_crosshairs_are_where_the_layers_read_in_the_current_view",
    ),
    "Evidence: what they are made of": (ATTENTION, "test_shares_and_masses_are_those_of_a_plain_sum"),
    "Evidence: CSV": (ATTENTION, "test_the_csv_has_every_weight"),
    "What if: table and summary": (WHAT_IF, "test_the_table_is_that_of_plain_sets"),
    "What if: the same with the real network": (
        SAMPLE,
        "test_what_ifs_of_the_sample_are_those_of_a_plain_recomputation",
    ),
    "What if: CSV": ("core/test_difference.py", "test_csv_says_the_same"),
    "Thresholds: curve over objectness, summary": (
        THRESHOLDS,
        "test_the_curve_over_objectness_is_exact_at_once",
    ),
    "Thresholds: counts without queries of one's own": (
        THRESHOLDS,
        "test_queries_of_the_users_own_are_in_no_count_and_the_summary_says_so",
    ),
    "Thresholds: curve over masks, map": (THRESHOLDS, "test_the_others_come_with_the_claims"),
    "Thresholds: counts under the pointer": (
        INSPECTOR,
        "test_counts_under_the_pointer_are_those_of_curating_again",
    ),
    "Thresholds: areas they are made of": (CLAIMS, "test_the_threshold_explorer_counts_what_assembly_finds"),
    "Thresholds: CSV": (
        "core/test_thresholds.py",
        "test_the_grid_is_that_of_a_plain_loop_and_survives_the_way_to_csv",
    ),
    "Compare: IoU and points of every line": (BESIDE, "test_every_line_is_that_of_plain_sets"),
    "Compare: mean IoU, counts, instances, time, memory": (
        BESIDE,
        "test_the_summary_and_the_figures_are_those_of_the_lines",
    ),
    "Compare: what a run cost": (WORDS, "test_what_a_run_costs_is_without_waiting_reading_and_loading"),
    "Compare: in what two runs differ": (WORDS, "test_two_runs_say_in_what_they_differ_and_whose_weights_they_are"),
    "Compare: CSV": (WORDS, "test_words_and_csv_have_every_number"),
    "Truth: IoU, points, AP50 of what is shown": (
        BESIDE,
        "test_mistakes_and_precision_beside_the_truth_are_those_of_a_plain_recomputation",
    ),
    "Truth: AP of the protocol": (
        "core/evaluation/test_beside.py",
        "test_precision_and_mistakes_are_those_of_the_protocol",
    ),
    "Truth: AP without filters": (
        "core/evaluation/test_window_precision.py",
        "test_without_filters_it_is_that_of_the_evaluation",
    ),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_the_test_of_a_number_is_there(number):
    file, name = NUMBERS[number]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
