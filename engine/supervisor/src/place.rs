//! Where in a git repository a folder is: asked once, at dispatch.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use decklog_engine::event::Place;
use decklog_engine::raw::Raw;
use git2::Repository;

/// The repository, branch and commit of a folder; `None` outside of one, or where git refuses to look.
pub(crate) fn of(folder: &Path) -> Option<Place> {
    let repository = Repository::discover(folder).ok()?;
    let top = repository.workdir().unwrap_or_else(|| repository.path());
    let top = top.as_os_str().as_bytes();
    let head = repository.find_reference("HEAD").ok();
    // HEAD names its branch even before that branch has a commit.
    let branch = head.as_ref().and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
    let branch = branch.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
    let base = head.and_then(|head| head.peel_to_commit().ok()).map(|commit| commit.id().to_string());
    Some(Place { repo: Raw(top.strip_suffix(b"/").unwrap_or(top).to_vec()), branch, base_commit: base })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_with_branch_and_commit() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of(folder.path()), None);
        let mut options = git2::RepositoryInitOptions::new();
        let repository = Repository::init_opts(folder.path(), options.initial_head("trunk")).unwrap();
        let place = of(folder.path()).unwrap();
        assert_eq!((place.branch.as_deref(), place.base_commit), (Some("trunk"), None));

        let tree = repository.find_tree(repository.index().unwrap().write_tree().unwrap()).unwrap();
        let who = git2::Signature::new("a", "a@example.org", &git2::Time::new(0, 0)).unwrap();
        let commit = repository.commit(Some("HEAD"), &who, &who, "first", &tree, &[]).unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        let place = of(&below).unwrap();
        assert_eq!(place.repo.text(), folder.path().canonicalize().unwrap().to_string_lossy());
        assert_eq!(place.base_commit, Some(commit.to_string()));

        repository.set_head_detached(commit).unwrap();
        let place = of(&below).unwrap();
        assert_eq!((place.branch, place.base_commit), (None, Some(commit.to_string())));
    }
}
