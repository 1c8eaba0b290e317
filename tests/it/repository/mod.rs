//! The conformance suite of the durable store: what every adapter of the ports must do.

mod commit;
mod concurrency;
mod deletions;
mod failure;
mod fetch_budget;
pub mod given;
mod groups;
mod late;
mod log;
mod opening;
mod probe;
mod reservations;
mod retention;
mod sessions;
mod spellings;
pub mod webhooks;
mod world;

use crate::harness::database::on_both_databases;

on_both_databases! {
    both: {
        commit: [
            events_are_numbered_in_each_session_and_over_all,
            a_loser_writes_nothing_while_the_winners_do,
            a_commit_of_an_older_epoch_loses,
            of_two_writers_that_expect_the_same_revision_one_loses,
            a_commit_without_events_still_raises_the_revision,
            a_sequence_that_is_not_the_sessions_loses,
            a_deleted_session_takes_no_commit,
            record_time_never_runs_backwards,
            an_event_comes_back_as_it_was_written,
            data_that_is_refused_leaves_nothing_behind_and_others_possible,
            a_commit_whose_answer_was_lost_is_found_by_its_event_ids,
            a_large_batch_is_written_whole,
            answers_and_source_ids_go_with_the_commit,
            racing_writers_lose_nothing_and_leave_no_gap,
        ],
        probe: [
            a_probe_is_written_by_the_process_of_the_current_epoch_only,
            a_probe_replaces_the_last_one,
        ],
        fetch_budget: [a_budget_is_earned_again_and_outlives_the_process],
        spellings: [what_was_told_of_a_number_is_kept_for_its_time_and_its_session],
        log: [
            an_empty_log_has_bounds,
            the_log_is_read_in_stretches,
            list_events_pages_in_both_directions,
            list_events_filters_by_group_type_sequence_and_time,
            list_events_of_an_unknown_session_is_empty,
            position_before_a_time_is_that_of_the_last_earlier_event,
            a_new_log_id_is_another_one,
        ],
        retention: [
            trimming_removes_the_oldest_and_says_so,
            trimming_never_removes_the_newest_event,
            a_read_below_what_is_kept_says_so_and_returns_nothing,
            positions_before_what_is_kept_are_the_trimmed_one,
            purge_forgets_what_is_older_than_the_log,
        ],
        groups: [
            a_view_holds_the_group_and_where_the_log_stood,
            groups_are_listed_in_every_order_and_direction,
            a_list_filters_by_subject_member_role_and_change,
            a_search_for_wildcards_finds_only_those_characters,
            a_page_ends_at_its_byte_limit_with_one_group_at_the_least,
            the_last_page_has_no_cursor,
            a_list_by_id_under_change_has_no_duplicate_and_no_miss,
            a_group_that_we_left_is_loaded_but_not_listed,
            the_basic_view_leaves_the_participants_out,
        ],
        sessions: [
            a_session_comes_back_as_it_was_made,
            a_session_is_made_once,
            sessions_are_listed_by_name_in_pages,
            a_patch_changes_what_it_names,
            a_deleted_session_is_gone_but_its_log_stays,
            a_reused_name_continues_the_sequence,
            what_a_deleted_session_has_left_is_removed_in_steps,
            a_reused_name_finds_nothing_of_the_session_before,
            a_new_epoch_takes_over_all_sessions,
            a_session_made_by_a_fenced_process_belongs_to_the_later_one,
        ],
        reservations: [
            a_request_id_is_taken_once,
            a_released_request_id_is_free_again,
            a_repeated_attempt_finds_that_the_request_id_is_its_own,
            what_an_attempt_that_sent_nothing_left_behind_is_taken_over,
            a_release_that_comes_late_leaves_the_next_attempt_alone,
            an_answered_request_id_is_not_released,
            the_first_answer_stays,
            an_expired_request_id_is_taken_over,
            of_many_that_reserve_at_once_one_gets_it,
            the_same_id_under_another_key_session_or_rpc_is_another,
        ],
        deletions: [a_deletion_is_kept_until_it_ends],
        webhooks: [
            a_webhook_comes_back_as_it_was_written,
            how_far_a_webhook_is_is_written_by_the_process_that_delivers,
        ],
        world: [the_world_is_loaded_as_it_was_saved, the_last_word_on_a_key_counts],
        opening: [
            migrating_twice_changes_nothing,
            a_schema_of_a_newer_version_is_taken_as_it_is,
            migrate_says_what_it_found,
            ping_answers
        ],
    }
    only_postgres: {
        concurrency: [
            two_processes_lose_nothing_and_leave_no_gap,
            of_two_processes_that_expect_the_same_revision_one_loses,
            a_reader_never_sees_a_lower_position_later,
            a_lower_position_is_visible_before_a_higher_one_is_given,
            processes_that_migrate_at_once_take_turns,
            sessions_locked_in_opposite_order_do_not_deadlock,
        ],
        failure: [
            a_commit_that_the_server_gives_up_may_be_repeated,
            a_commit_whose_connection_breaks_is_unknown_and_can_be_looked_up,
            connections_that_fall_silent_are_replaced_in_time,
            the_server_gives_up_a_statement_that_waits_for_a_lock,
            a_single_write_whose_answer_was_lost_is_repeated,
            a_patch_whose_answer_was_lost_is_repeated,
            another_error_does_not_end_the_doubt_about_a_lost_answer,
            a_session_ends_without_touching_its_rows,
            retention_that_fails_is_noted,
        ],
        late: [
            a_patch_that_comes_late_undoes_nothing,
            a_webhook_that_is_written_late_undoes_nothing,
            a_deletion_that_comes_late_does_not_begin,
            what_a_replaced_process_writes_undoes_nothing,
        ],
    }
}
