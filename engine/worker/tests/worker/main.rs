//! The worker, driven as what it is: a process of its own.
//!
//! This binary is started again by its own tests, as `<self> worker <job dir>`; then it is the worker. That is
//! why it has no standard harness: the role needs a process with one thread and untouched standard streams.

#![allow(clippy::unwrap_used, reason = "these are tests, only without the standard harness")]

mod support;

mod control;
mod endings;
mod output;
mod recovery;
mod starts;
mod stops;

use std::{env, path::PathBuf, process::ExitCode};

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let role = arguments.next().unwrap_or_default();
    if role == "worker" {
        return decklog_worker::main(&PathBuf::from(arguments.next().unwrap()));
    }
    if role == endings::NESTED_SUPERVISOR {
        let arguments: Vec<String> = arguments.map(|argument| argument.into_string().unwrap()).collect();
        endings::nested_supervisor(&arguments);
        return ExitCode::SUCCESS;
    }

    macro_rules! trials {
        ($($module:ident: $($name:ident),+;)+) => {
            vec![$($(Trial::test(concat!(stringify!($module), "::", stringify!($name)), || {
                $module::$name();
                Ok(())
            })),+),+]
        };
    }
    let trials = trials! {
        starts: the_job_sees_exactly_its_environment, signals_limits_and_masks_are_as_if_a_shell_had_started_it,
            a_missing_program_is_named, a_vanished_directory_is_named, a_config_cut_short_starts_nothing,
            garbage_instead_of_a_config_starts_nothing, a_run_is_started_once, a_folder_that_cannot_be_made_is_told,
            folders_deeper_than_a_socket_address_work, without_the_lock_nothing_starts;
        output: a_terminal_keeps_every_byte, pipes_keep_every_byte, a_large_output_keeps_its_ends,
            nothing_waits_for_a_key, the_terminal_has_the_size_that_was_asked_for,
            a_follower_hears_of_growth_and_reads_it, a_reply_is_typed_once, a_full_terminal_can_be_typed_into_and_resized,
            a_lot_of_output_just_before_the_end_is_kept;
        endings: codes_and_signals_are_as_they_were, the_exit_is_on_disk_before_it_is_told,
            a_background_process_does_not_delay_the_exit, daemons_are_swept_at_the_exit,
            hundreds_of_descendants_are_swept, a_flood_from_a_leftover_does_not_delay_the_exit,
            own_supervisors_and_workers_are_spared;
        stops: a_stop_asks_first, a_stop_kills_what_does_not_listen, a_stop_reaches_daemons_and_stopped_processes,
            the_grace_is_also_for_what_the_job_leaves, a_kill_does_not_ask, a_signal_to_the_worker_ends_the_job;
        control: the_exit_is_told_again_until_it_is_acknowledged, a_lost_supervisor_changes_nothing,
            garbage_silence_and_goodbyes_harm_nothing, a_client_that_does_not_read_stops_nobody,
            frames_right_behind_the_config_are_heard, the_worker_leaves_after_its_linger_time;
        recovery: a_live_run_is_held, a_dead_worker_is_known_and_its_orphans_are_swept,
            orphans_are_found_in_the_middle_of_exec, an_exit_outlives_its_worker, a_killed_sweep_leaves_a_provisional_exit;
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
