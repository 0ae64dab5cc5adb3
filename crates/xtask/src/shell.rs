//! Running other programs, messages to the user, and waiting with a deadline.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::{Failure, Result, sentence};

/// Prints a step of a task.
macro_rules! step {
    ($($text:tt)*) => { println!("  {}", format_args!($($text)*)) };
}
pub(crate) use step;

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Makes SIGINT, SIGTERM and SIGHUP end the waits of this program instead of the program, so that it can clean up.
pub(crate) fn clean_up_on_signals() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))
            .map_err(|source| Failure::Program { program: "the signal handler".to_owned(), source })?;
    }
    Ok(())
}

/// Fails if the program was asked to end.
pub(crate) fn check_interrupt() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Repeats the condition until it holds. Returns `false` at the deadline, or when the program was asked to end.
pub(crate) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline || check_interrupt().is_err() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns the absolute path of a program on the PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| is_executable(candidate))
}

pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the value of a variable; an empty value counts as none.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn program_name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(OsStr::new("a program")).to_string_lossy().into_owned()
}

/// Runs a command whose output the user sees; fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|source| Failure::Program { program: program_name(command), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Status { program: program_name(command), status }) }
}

/// Runs a command and returns whether it succeeds; its output is discarded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a command and returns what it prints, without the line break at the end. The user sees its error messages.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Failure::Program { program: program_name(command), source })?;
    if !output.status.success() {
        return Err(Failure::Status { program: program_name(command), status: output.status });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
}

/// Runs a command and appends its output to a log; fails with `failure` and the end of the log.
pub(crate) fn run_logged(command: &mut Command, log: &Path, failure: &str) -> Result<()> {
    let (out, err) = append_to(log)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .status()
        .map_err(|source| Failure::Program { program: program_name(command), source })?;
    if status.success() { Ok(()) } else { Err(Failure::logged(failure, log)) }
}

/// Opens a log twice, for the standard output and the standard error of a process.
pub(crate) fn append_to(log: &Path) -> Result<(Stdio, Stdio)> {
    if let Some(folder) = log.parent() {
        crate::files::make_folder(folder)?;
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(log).map_err(Failure::file(log, "written"))?;
    let second = file.try_clone().map_err(Failure::file(log, "written"))?;
    Ok((file.into(), second.into()))
}

/// Returns a command that runs cargo, without the variables that `cargo run` has set for this program. The build script of `ring` runs
/// again whenever they change, so half of the crates would be compiled again after each change between `cargo` and `make`.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let is_of_this_program = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_of_this_program) {
            command.env_remove(name);
        }
    }
    command
}

/// Returns a `cargo build` of the given packages.
pub(crate) fn cargo_build(root: &Path, arguments: &[&str], packages: &[&str]) -> Command {
    let mut command = cargo(root);
    command.args(["build", "--locked"]).args(arguments);
    for package in packages {
        command.args(["-p", package]);
    }
    command
}

/// Runs a build; fails with a sentence that points to the compiler's messages.
pub(crate) fn build(command: &mut Command) -> Result<()> {
    run(command).map_err(|_| sentence!("The build failed. The compiler's messages above say why."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_when_the_condition_holds() {
        let mut calls = 0;
        assert!(wait_until(Duration::from_secs(10), || {
            calls += 1;
            calls == 3
        }));
        assert!(!wait_until(Duration::ZERO, || false));
    }

    #[test]
    fn output_loses_its_last_line_break_and_a_failure_names_the_program() {
        assert_eq!(output(Command::new("printf").arg("a\nb\n")).unwrap(), "a\nb");
        assert!(output(&mut Command::new("false")).unwrap_err().to_string().starts_with("false failed"));
    }

    #[test]
    fn the_log_of_a_failed_command_is_part_of_the_failure() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log/x.log");
        let failure = run_logged(Command::new("sh").args(["-c", "echo reason >&2; exit 3"]), &log, "It failed.").unwrap_err();
        assert!(failure.to_string().ends_with("    reason"));
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program").is_none());
    }
}
