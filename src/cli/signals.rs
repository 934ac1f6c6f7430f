//! SIGTERM and Ctrl-C as a polite request to stop.

use super::CliError;
use crate::jobs::Stop;

/// Turns SIGTERM and Ctrl-C into a polite request; what is being done is finished.
#[cfg(unix)]
pub fn listen(stop: &Stop) -> Result<(), CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    // From here on, and not when the task is first run: until then a signal would end the process.
    let mut term = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.request();
    });
    Ok(())
}

/// Turns Ctrl-C into a polite request; what is being done is finished.
#[cfg(not(unix))]
pub fn listen(stop: &Stop) -> Result<(), CliError> {
    let stop = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.request();
        }
    });
    Ok(())
}
