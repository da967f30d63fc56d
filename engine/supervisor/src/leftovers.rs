//! Folders that should not be there. A supervisor that died between making a session's folder and recording its dispatch
//! left one behind: nothing in the log knows it, and nothing was ever started in it. One that died between recording
//! that output is removed and removing it left another.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use decklog_engine::id::SessionId;
use decklog_engine::roster::Roster;
use decklog_engine::time::Time;
use decklog_worker::Lock;
use decklog_worker::layout::JobDir;

use crate::core::ToCoreHandle;
use crate::journal::Journal;
use crate::{clock, launch, tasks};

/// A folder younger than this may belong to a dispatch that is under way.
const AGE_LEAST: Duration = Duration::from_secs(60);

/// Takes them away.
pub(crate) async fn sweep(jobs: std::path::PathBuf, handle: ToCoreHandle, journal: Journal) {
    let now = clock::wall();
    let candidates = tasks::blocking({
        let jobs = jobs.clone();
        move || old_folders(&jobs, now)
    })
    .await;
    let Some(roster) = handle.roster().await else { return };
    let removed = tasks::blocking(move || remove(&jobs, &candidates, &roster, now)).await;
    if removed > 0 {
        journal.note(format!(
            "leftovers swept: {removed} (folders that no dispatch came to use, or whose time was over)"
        ));
    }
}

/// The ids of folders in which nothing was ever started, and which are too old to belong to a dispatch under way. Those
/// whose sessions wait in a queue are among them: the log tells them apart.
pub fn folders_never_run(jobs: &Path, now: Time) -> Vec<String> {
    let candidates = old_folders(jobs, now).into_iter().map(|id| jobs.join(id.to_string()));
    // Without surroundings it may be the one that is kept for the next dispatch; a dead one goes at the next start.
    let never_ran = candidates.filter(|folder| {
        launch::has_surroundings(folder) && !JobDir::new(folder.clone()).run(1).path().exists()
    });
    never_ran.filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned())).collect()
}

fn old_folders(jobs: &Path, now: Time) -> Vec<SessionId> {
    let Ok(items) = fs::read_dir(jobs) else { return Vec::new() };
    items
        .flatten()
        .filter_map(|item| Some((item.file_name().to_str()?.parse().ok()?, item)))
        .filter(|(_, item)| belongs_to_no_dispatch(&item.path(), now))
        .map(|(id, _)| id)
        .collect()
}

/// Whether no dispatch that is under way can have made this folder. One without an environment was kept for a worker that
/// waited for a dispatch, and is locked for as long as that lives.
fn belongs_to_no_dispatch(folder: &Path, now: Time) -> bool {
    is_aged(folder, now) || !launch::has_surroundings(folder)
}

fn is_aged(folder: &Path, now: Time) -> bool {
    let oldest = UNIX_EPOCH + Duration::from_millis(now.0).saturating_sub(AGE_LEAST);
    let modified = fs::metadata(folder).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified < oldest)
}

fn remove(jobs: &Path, candidates: &[SessionId], roster: &Roster, now: Time) -> usize {
    let folders = candidates.iter().map(|id| (id, JobDir::new(jobs.join(id.to_string()))));
    folders
        .filter(|(id, folder)| {
            // Before it is locked, which may make a file in it.
            let aged = is_aged(folder.path(), now);
            // Held while it is taken away: nobody can begin anything in it.
            let lock = Lock::try_take(&folder.lock());
            let is_left_over = match roster.get(**id) {
                Some(session) => session.output_gone,
                // Looked at again: it may have become a dispatch's since it was listed.
                None => !folder.run(1).path().exists() && (aged || !launch::has_surroundings(folder.path())),
            };
            matches!(lock, Ok(Some(_))) && is_left_over && fs::remove_dir_all(folder.path()).is_ok()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unknown_and_never_ran_is_removed() {
        let jobs = tempfile::tempdir().unwrap();
        let id = |number| SessionId([number; 16]);
        for number in 1..4 {
            let folder = JobDir::new(jobs.path().join(id(number).to_string()));
            launch::keep(&folder, &launch::Surroundings::default()).unwrap();
        }
        let spare = JobDir::new(jobs.path().join(id(4).to_string()));
        spare.create().unwrap();
        fs::create_dir(JobDir::new(jobs.path().join(id(2).to_string())).run(1).path()).unwrap();
        let held = Lock::try_take(&JobDir::new(jobs.path().join(id(3).to_string())).lock()).unwrap();
        fs::create_dir(jobs.path().join("not an id")).unwrap();

        assert_eq!(old_folders(jobs.path(), clock::wall()), [id(4)], "nobody dispatched it");
        fs::remove_dir_all(spare.path()).unwrap();
        assert_eq!(old_folders(jobs.path(), clock::wall()), []);
        let mut found = old_folders(jobs.path(), Time(clock::wall().0 + 120_000));
        found.sort();
        assert_eq!(found, [id(1), id(2), id(3)]);
        assert_eq!(remove(jobs.path(), &found, &Roster::default(), Time(clock::wall().0 + 120_000)), 1);
        assert!(!jobs.path().join(id(1).to_string()).exists());
        drop(held);
    }
}
