//! Where an instance keeps its things: paths as functions of variables that are handed in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folders of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The one folder that holds all of a separate instance, if it is one (`DECKLOG_HOME`).
    pub separate: Option<PathBuf>,
    /// Where `config.toml` is.
    pub config: PathBuf,
    /// Where the log and the jobs are.
    pub state: PathBuf,
    /// Where the socket is.
    pub run: PathBuf,
}

/// The variables do not say where things are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoHome {
    /// Neither is set.
    #[error("neither DECKLOG_HOME nor HOME is set")]
    Unset,
    /// Not an absolute path.
    #[error("{variable} is {value:?}: not an absolute path")]
    Relative {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: PathBuf,
    },
}

impl Home {
    /// The folders that these variables name: `DECKLOG_HOME`, or `XDG_*` with `HOME` to fall back on.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoHome> {
        let folder = |name: &'static str| {
            let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
            let value = PathBuf::from(value);
            if value.is_absolute() {
                Ok(Some(value))
            } else {
                Err(NoHome::Relative { variable: name, value })
            }
        };
        if let Some(home) = folder("DECKLOG_HOME")? {
            return Ok(Self::separate(home));
        }
        let home = folder("HOME")?;
        let under = |xdg: &'static str, fallback: &str| match folder(xdg)? {
            Some(path) => Ok(path.join("decklog")),
            None => Ok(home.as_ref().ok_or(NoHome::Unset)?.join(fallback).join("decklog")),
        };
        let state = under("XDG_STATE_HOME", ".local/state")?;
        let run = folder("XDG_RUNTIME_DIR")?.map_or_else(|| state.join("run"), |path| path.join("decklog"));
        Ok(Self { separate: None, config: under("XDG_CONFIG_HOME", ".config")?, state, run })
    }

    /// A separate instance in one folder.
    pub fn separate(home: PathBuf) -> Self {
        Self { config: home.clone(), state: home.clone(), run: home.join("run"), separate: Some(home) }
    }

    /// The configuration.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The log's folder.
    pub fn log(&self) -> PathBuf {
        self.state.join("log")
    }

    /// The folder of all jobs' folders.
    pub fn jobs(&self) -> PathBuf {
        self.state.join("jobs")
    }

    /// One session's folder, by its full id.
    pub fn job(&self, id: &str) -> PathBuf {
        self.jobs().join(id)
    }

    /// The supervisor's own log.
    pub fn supervisor_log(&self) -> PathBuf {
        self.state.join("supervisor.log")
    }

    /// The lines that were typed in the shell.
    pub fn shell_history(&self) -> PathBuf {
        self.state.join("shell_history")
    }

    /// The supervisor's socket.
    pub fn socket(&self) -> PathBuf {
        self.run.join("supervisor.sock")
    }

    /// The folder that people know the instance by.
    pub fn shown(&self) -> &Path {
        self.separate.as_deref().unwrap_or(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(variables: &[(&str, &str)]) -> Result<Home, NoHome> {
        Home::from_variables(|name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn decklog_home_moves_everything() {
        let home =
            home(&[("DECKLOG_HOME", "/tmp/d"), ("HOME", "/home/u"), ("XDG_STATE_HOME", "/s")]).unwrap();
        assert_eq!(home.config_file(), Path::new("/tmp/d/config.toml"));
        assert_eq!(home.log(), Path::new("/tmp/d/log"));
        assert_eq!(home.job("7c"), Path::new("/tmp/d/jobs/7c"));
        assert_eq!(home.socket(), Path::new("/tmp/d/run/supervisor.sock"));
    }

    #[test]
    fn xdg_folders_come_first_and_home_last() {
        let home_only = home(&[("HOME", "/home/u")]).unwrap();
        assert_eq!(home_only.log(), Path::new("/home/u/.local/state/decklog/log"));
        assert_eq!(home_only.socket(), Path::new("/home/u/.local/state/decklog/run/supervisor.sock"));
        let xdg =
            home(&[("HOME", "/home/u"), ("XDG_RUNTIME_DIR", "/run/user/7"), ("XDG_STATE_HOME", "")]).unwrap();
        assert_eq!(xdg.socket(), Path::new("/run/user/7/decklog/supervisor.sock"));
        assert_eq!(home(&[]), Err(NoHome::Unset));
        let relative = home(&[("DECKLOG_HOME", "here")]);
        assert!(matches!(relative, Err(NoHome::Relative { variable: "DECKLOG_HOME", .. })));
    }
}
