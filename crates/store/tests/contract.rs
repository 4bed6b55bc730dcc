//! The contract that every database keeps, executing every statement of the store.
//!
//! Each story is told once, in `contract/`, and runs on every store of `on_each_store`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[path = "contract/analytics.rs"]
mod analytics;
#[path = "contract/batches.rs"]
mod batches;
#[path = "contract/broadcasts.rs"]
mod broadcasts;
#[path = "contract/chat.rs"]
mod chat;
#[path = "contract/durability.rs"]
mod durability;
#[path = "contract/harness.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod harness;
#[path = "contract/idempotency.rs"]
mod idempotency;
#[path = "contract/invitations.rs"]
mod invitations;
#[path = "contract/keys.rs"]
mod keys;
#[path = "contract/past.rs"]
mod past;
#[path = "contract/quality.rs"]
mod quality;
#[path = "contract/users.rs"]
mod users;
#[path = "contract/viewers.rs"]
mod viewers;

/// Makes a test of a story on a store.
macro_rules! told_on {
    ($file:ident, $story:ident, $($name:ident: $store:ident),+) => { $(
        #[tokio::test]
        async fn $name() { super::$file::$story(super::harness::Db::fresh::<super::harness::$store>().await).await }
    )+ };
}

/// Makes a test of each story and each store. A new database is one line here, beside its `Database`.
macro_rules! on_each_store {
    ($($file:ident { $($story:ident),+ $(,)? })+) => { $($(
        mod $story {
            told_on!($file, $story, sqlite: Sqlite, postgres: Postgres, pooled: Pooled, simulated: Simulated);
        }
    )+)+ };
}

/// As `on_each_store`, of what only a database with files, connections and a schema can do, and of sums that the
/// simulation does not keep.
macro_rules! on_each_database {
    ($($file:ident { $($story:ident),+ $(,)? })+) => { $($(
        mod $story {
            told_on!($file, $story, sqlite: Sqlite, postgres: Postgres, pooled: Pooled);
        }
    )+)+ };
}

on_each_store! {
    users {
        a_new_user_is_read_back_as_written,
        nobody_takes_a_name_twice,
        nobody_takes_an_address_twice_whatever_its_case,
        a_user_is_found_by_name_and_by_address_in_any_case,
        a_new_lasting_key_replaces_the_old_one,
        the_store_knows_whether_there_is_an_administrator,
        a_sign_in_is_read_back_until_it_ends,
        of_two_rotations_of_a_sign_in_one_wins,
    }
    broadcasts {
        a_new_broadcast_is_read_back_with_all_its_fields,
        an_unknown_broadcast_is_none,
        a_change_is_kept_with_all_its_fields_and_events,
        who_decided_on_an_older_state_changes_nothing,
        of_many_changes_at_once_one_wins,
        only_what_has_not_ended_is_open,
        a_broadcast_is_found_by_its_stream_key_even_when_ended,
        a_deleted_broadcast_is_gone_and_its_log_stays_without_what_people_wrote,
        two_broadcasts_never_share_a_stream_key,
        integrators_find_the_shown_count_in_the_row,
    }
    viewers {
        a_viewer_takes_a_place_and_is_logged,
        joining_again_keeps_the_place_and_begins_a_new_stay,
        a_full_broadcast_takes_nobody_else,
        a_lowered_limit_evicts_nobody,
        who_timed_out_comes_back_as_the_same_viewer,
        who_was_signed_in_stays_that_person,
        who_timed_out_comes_back_only_if_there_is_room,
        who_left_does_not_come_back,
        who_says_goodbye_after_a_time_out_does_not_come_back_either,
        who_left_before_the_end_is_told_that_it_ended,
        nobody_joins_what_ended_or_never_was,
        nobody_uninvited_joins_what_turned_private,
        a_viewer_of_one_session_is_nobody_in_another,
        leaving_twice_is_logged_once,
        a_late_time_out_does_not_end_a_later_stay,
        the_peak_stays_when_viewers_go,
        an_eviction_logs_each_viewer_once_before_its_cause,
        events_are_read_after_a_number_and_up_to_a_limit,
        a_failed_change_leaves_no_trace,
        sixty_four_who_join_at_once_share_ten_places,
        coming_and_going_at_once_leaves_no_gap_in_the_log,
    }
    invitations {
        an_invitation_is_read_back_until_it_is_revoked,
        a_session_has_no_more_invitations_than_allowed,
        who_shows_an_invitation_comes_in_and_uses_it_up,
        an_invitation_is_for_one_session_one_user_and_a_time,
        of_many_who_show_one_at_once_no_more_come_in_than_it_says,
        who_finds_no_room_uses_nothing_up,
        a_guest_comes_back_without_showing_it_again,
        whoever_turns_private_keeps_the_guests,
        who_came_by_a_revoked_invitation_goes_and_the_log_says_so,
        revoking_on_a_public_session_removes_nobody,
        only_guests_who_are_there_speak_in_private,
    }
    batches {
        an_event_is_logged_under_the_next_number,
        many_events_at_once_are_numbered_without_a_gap,
        a_sign_of_life_is_kept_and_never_goes_back,
        a_write_that_cannot_be_done_fails_alone,
        two_stores_on_one_database_share_places_and_numbers,
    }
    analytics {
        a_log_is_read_by_type_and_from_either_end,
        whoever_reads_types_of_a_log_that_grows_misses_nothing,
    }
    chat {
        what_is_said_is_logged_and_read_back,
        nothing_is_said_after_the_end_or_uninvited,
        a_deleted_message_keeps_its_place_and_nothing_that_was_said,
        of_many_who_delete_a_message_at_once_one_does,
        only_a_message_of_the_session_is_deleted,
        a_removed_broadcast_keeps_nothing_that_was_said,
        a_ban_is_kept_until_it_is_lifted,
        a_ban_takes_the_place_of_the_one_before,
        bans_that_are_over_go_with_the_next_one,
        nobody_unknown_is_banned,
    }
    durability {
        what_was_acknowledged_is_there_after_reopening,
        opening_twice_changes_nothing,
    }
}

on_each_database! {
    keys {
        a_key_is_read_back_until_it_is_revoked,
        only_its_owner_revokes_a_key,
        of_many_made_at_once_no_more_are_kept_than_allowed,
        keys_that_were_revoked_and_old_usage_go_after_a_while,
        what_keys_are_used_for_adds_up,
        usage_that_is_written_again_is_replaced,
        what_is_told_of_an_unknown_key_is_left_out,
        usage_is_found_by_day_key_and_user_a_page_at_a_time,
    }
    idempotency {
        the_first_has_a_key_and_its_answer_stays,
        a_key_that_was_released_is_free,
        a_key_is_free_when_its_time_is_over,
        of_many_who_take_a_key_at_once_one_has_it,
    }
    batches {
        who_comes_when_too_many_wait_is_refused_at_once,
        a_database_that_is_held_up_is_waited_for_and_no_longer,
        what_comes_steadily_is_written_again_once_the_database_is_back,
    }
    analytics {
        sums_are_of_the_whole_log_however_far_it_is_added_up,
        those_who_add_up_at_once_add_nothing_twice,
        an_empty_log_and_an_unknown_session_come_to_nothing,
        an_owner_has_totals_over_all_sessions,
        so_much_of_a_log_is_read_at_once_as_is_good_for_memory,
        what_ended_long_ago_goes_whole,
    }
    past {
        who_was_live_then_is_found_and_nobody_else,
        who_was_live_then_is_found_by_broadcaster_and_by_being_featured,
        the_viewers_of_then_are_counted_from_the_log,
        no_more_are_read_than_asked_for,
    }
    quality {
        what_viewers_told_is_read_back_with_all_its_sums,
        a_row_that_is_written_again_is_replaced,
        the_rows_of_several_servers_are_added,
        longer_intervals_are_sums_of_shorter_ones,
        long_intervals_are_sums_of_long_buckets,
        a_session_knows_its_own_figures_only,
        many_rows_are_written_at_once,
    }
    chat {
        a_deleted_message_still_counts,
    }
    durability {
        a_newer_schema_is_refused_by_name,
    }
}
