//! The folders and files of the instance: whether they are there, ours alone, and have room.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use decklog_protocol::home::Home;
use nix::sys::statvfs::{Statvfs, statvfs};
use nix::unistd::{AccessFlags, access, geteuid};

use crate::render::doctor::Finding;
use crate::render::text;
use crate::role;

const FREE_BYTES_LOW: u64 = 1 << 30;
const FREE_BYTES_LEAST: u64 = 64 << 20;
const FREE_INODES_LOW: u64 = 10_000;
const FREE_INODES_LEAST: u64 = 500;
/// What the kernel takes of a path, the zero at its end not counted.
const SOCKET_ADDRESS_BYTES: usize = 107;

/// A folder that holds what nobody else may see.
pub(super) fn folder(check: &'static str, path: &Path) -> Finding {
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return missing(check, path),
        Err(error) => {
            return Finding::wrong(check, format!("{shown} cannot be looked at: {error}"), ELSEWHERE);
        }
    };
    let mode = metadata.mode() & 0o777;
    if !metadata.is_dir() {
        Finding::wrong(check, format!("{shown} is no folder"), format!("move it away, or {ELSEWHERE}"))
    } else if metadata.uid() != geteuid().as_raw() {
        Finding::wrong(check, format!("{shown} belongs to user {}, not to you", metadata.uid()), ELSEWHERE)
    } else if let Err(error) = access(path, AccessFlags::W_OK | AccessFlags::X_OK) {
        Finding::wrong(check, format!("{shown} cannot be written to: {}", error.desc()), ELSEWHERE)
    } else if mode & 0o077 != 0 {
        let text = format!("{shown} is open to others (mode {mode:o})");
        Finding::wrong(check, text, format!("chmod 700 {shown}"))
    } else {
        Finding::ok(check, format!("{shown} is yours alone"))
    }
}

const ELSEWHERE: &str = "DECKLOG_HOME=DIR puts everything elsewhere";

fn missing(check: &'static str, path: &Path) -> Finding {
    let shown = path.display();
    let above = nearest(path);
    match access(above, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Finding::ok(check, format!("{shown} is not there yet: the first verb makes it")),
        Err(error) => {
            let text =
                format!("{shown} cannot be made: {} cannot be written to: {}", above.display(), error.desc());
            Finding::wrong(check, text, ELSEWHERE)
        }
    }
}

/// The path itself, or the first above it that is there.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

/// A long path works, through the folder's descriptor; other programs could not reach the socket.
pub(super) fn socket_path(home: &Home) -> Finding {
    let bytes = home.socket().as_os_str().len();
    let text = if bytes <= SOCKET_ADDRESS_BYTES {
        format!("its path has {bytes} bytes, of {SOCKET_ADDRESS_BYTES} that an address holds")
    } else {
        format!("its path has {bytes} bytes, more than an address holds: it is reached through its folder")
    };
    Finding::ok("socket", text)
}

/// The configuration: whose it is, and whether it is understood.
pub(super) fn config(home: &Home) -> Finding {
    const CHECK: &str = "config.toml";
    let path = home.config_file();
    let shown = path.display();
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Finding::ok(CHECK, format!("there is none at {shown}: the defaults hold"));
        }
        Err(error) => {
            return Finding::wrong(CHECK, format!("{shown} cannot be looked at: {error}"), ELSEWHERE);
        }
    };
    let mode = metadata.mode() & 0o777;
    if metadata.uid() != geteuid().as_raw() {
        let text = format!("{shown} belongs to user {}, not to you", metadata.uid());
        Finding::wrong(CHECK, text, format!("write one of your own at {shown}"))
    } else if mode & 0o022 != 0 {
        let text = format!("{shown} can be written by others (mode {mode:o})");
        Finding::wrong(CHECK, text, format!("chmod 600 {shown}"))
    } else if let Err(what) = role::check_config(&path) {
        let mend = "mend that line; until then the values before it stay in force";
        Finding::wrong(CHECK, format!("{shown}: {what}"), mend)
    } else {
        Finding::ok(CHECK, format!("{shown} is understood"))
    }
}

/// Room for output and the log.
pub(super) fn space(path: &Path) -> Option<Finding> {
    let (path, found) = file_system(path)?;
    Some(bytes_free(found.blocks_available().saturating_mul(found.fragment_size()), path))
}

fn bytes_free(free: u64, path: &Path) -> Finding {
    const CHECK: &str = "disk";
    let text = format!("{} free for {}", text::bytes(free), path.display());
    if free < FREE_BYTES_LEAST {
        Finding::wrong(CHECK, text, "make room: without it no event can be recorded and output is dropped")
    } else if free < FREE_BYTES_LOW {
        let mend =
            "make room, or lower limits.output_bytes in config.toml: a run keeps up to 256MiB of output";
        Finding::warning(CHECK, text, mend)
    } else {
        Finding::ok(CHECK, text)
    }
}

/// Room for files: each run makes a few. Some file systems have no such limit.
pub(super) fn inodes(path: &Path) -> Option<Finding> {
    let (path, found) = file_system(path)?;
    (found.files() > 0).then(|| files_free(found.files_available(), path))
}

fn files_free(free: u64, path: &Path) -> Finding {
    const CHECK: &str = "files";
    let text = format!("room for {free} more files in {}", path.display());
    let mend = "remove small files that nobody needs: each run makes a few";
    if free < FREE_INODES_LEAST {
        Finding::wrong(CHECK, text, mend)
    } else if free < FREE_INODES_LOW {
        Finding::warning(CHECK, text, mend)
    } else {
        Finding::ok(CHECK, text)
    }
}

fn file_system(path: &Path) -> Option<(&Path, Statvfs)> {
    let path = nearest(path);
    Some((path, statvfs(path).ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::render::doctor::Health;

    #[test]
    fn a_folder_is_ours_alone() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("state");
        assert_eq!(folder("state", &path).status, Health::Ok);
        fs::create_dir(&path).unwrap();
        for (mode, status) in [(0o755, Health::Wrong), (0o710, Health::Wrong), (0o700, Health::Ok)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = folder("state", &path);
            assert_eq!(found.status, status, "{found:?}");
            assert_eq!(
                found.mend.is_some_and(|mend| mend.starts_with("chmod 700 ")),
                status == Health::Wrong
            );
        }
        fs::write(above.path().join("file"), "").unwrap();
        assert_eq!(folder("state", &above.path().join("file")).status, Health::Wrong);
    }

    #[test]
    fn room_has_three_grades() {
        let path = Path::new("/home");
        let bytes = [10 << 30, 512 << 20, 1 << 20].map(|free| bytes_free(free, path).status);
        assert_eq!(bytes, [Health::Ok, Health::Warning, Health::Wrong]);
        let files = [1 << 20, 5_000, 3].map(|free| files_free(free, path).status);
        assert_eq!(files, [Health::Ok, Health::Warning, Health::Wrong]);
        assert!(space(Path::new("/tmp/no/such/folder")).unwrap().text.ends_with("free for /tmp"));
    }
}
