//! The one place that starts tasks and blocking work.

use std::future::Future;

/// Starts a task of the supervisor. All of them end with its runtime; none holds anything that must outlive it.
#[allow(clippy::disallowed_methods, reason = "the one place that is meant")]
pub(crate) fn start(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

/// Does blocking work (files, git, spawning) on the small pool beside the loop. A panic in it is a panic here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down: so does whoever waits.
            Err(_) => std::future::pending().await,
        },
    }
}
