//! What a verb takes from the shell that it was typed in: variables, the working directory, the file mode mask.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use decklog_engine::raw::Raw;
use decklog_protocol::home::Home;

use crate::clock;
use crate::error::{Failure, Kind};
use crate::render::when::When;

/// Where this instance keeps its things.
pub(crate) fn home() -> Result<Home, Failure> {
    Home::from_variables(|name| std::env::var_os(name)).map_err(|error| {
        Failure::usage(error.to_string())
            .hint("set DECKLOG_HOME to an absolute path, or HOME to your own folder")
    })
}

/// The bytes of a word of the command line.
pub(crate) fn raw(text: &OsStr) -> Raw {
    Raw(text.as_bytes().to_vec())
}

/// Every variable of this process, in its order.
pub(crate) fn variables() -> Vec<(Raw, Raw)> {
    std::env::vars_os().map(|(name, value)| (raw(&name), raw(&value))).collect()
}

/// The working directory by the name that the shell knows it by, if that names it; else by its own.
pub(crate) fn working_directory() -> Result<PathBuf, Failure> {
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let logical = std::env::var_os("PWD").map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(logical) = logical
        && let Some(here) = identity(Path::new("."))
        && identity(&logical) == Some(here)
    {
        return Ok(logical);
    }
    std::env::current_dir().map_err(|error| {
        Failure::new(Kind::Failed, format!("the working directory cannot be found: {error}"))
            .hint("it may have been removed: cd somewhere else, or give --cwd DIR")
    })
}

/// A path made absolute against the working directory, without `.` and doubled slashes; `..` stays, since what it means
/// depends on links.
pub(crate) fn absolute(path: &OsStr) -> Result<PathBuf, Failure> {
    let path = Path::new(path);
    let whole = if path.is_absolute() { path.to_path_buf() } else { working_directory()?.join(path) };
    Ok(whole.components().filter(|part| *part != Component::CurDir).collect())
}

/// The file mode mask. Read where asking for it changes nothing; `None` where it is not told.
pub(crate) fn umask() -> Option<u32> {
    // It is the second line.
    let mut bytes = [0; 256];
    let read = File::open("/proc/self/status").and_then(|mut file| file.read(&mut bytes)).ok()?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    let line = text.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}

/// The present, the local zone and the reader's name, for screens that say times.
pub(crate) fn when() -> When {
    When { reader: login_name(), now: clock::now(), zone: clock::zone() }
}

/// The login name of this user, as the log has it.
fn login_name() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok()??;
    Some(user.name)
}
