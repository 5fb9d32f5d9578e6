//! What all commands that compute share: threads, device, Ctrl-C, the commit of the checkout.

use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use dfl_core::{Error, Result};

/// Bounds the threads of everything, once per process, and returns their number; 0 is all cores.
pub(super) fn set_threads(threads: Option<u64>) -> Result<usize> {
    let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = threads.filter(|t| *t > 0).map_or_else(all, |t| t as usize);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|e| Error::Backend { backend: "rayon", source: Box::new(e) })?;
    #[cfg(feature = "torch")]
    dfl_models::torch::set_threads(threads)?;
    Ok(threads)
}

/// Refuses a device by its name; whether it is there shows when a network is made.
pub(super) fn device(text: &str) -> std::result::Result<String, String> {
    let number = text.strip_prefix("cuda:").map(str::parse::<usize>);
    if matches!(text, "auto" | "cpu") || matches!(number, Some(Ok(_))) {
        Ok(text.into())
    } else {
        Err("expected auto, cpu or cuda:N".into())
    }
}

/// A flag that the first Ctrl-C sets; the second ends the process.
pub(super) fn interruption() -> Result<&'static AtomicBool> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    match ctrlc::set_handler(handler) {
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(&INTERRUPTED),
        Err(e) => Err(Error::Backend { backend: "the signal handler", source: Box::new(e) }),
    }
}

/// Short hash of the checkout's commit, with a `+` if the tree differs from it; nothing outside a checkout.
pub(super) fn commit() -> Option<String> {
    let git =
        |args: &[&str]| Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok().filter(|o| o.status.success());
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|o| !o.stdout.is_empty());
    Some(format!("{}{}", String::from_utf8_lossy(&head.stdout).trim(), if dirty { "+" } else { "" }))
}
