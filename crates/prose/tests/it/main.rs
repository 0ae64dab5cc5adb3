//! Tests of the `rowlock-prose` binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::fs;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rowlock-prose")).args(arguments).output().unwrap()
}

#[test]
fn findings_are_printed_with_their_place_and_fail_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, good) = (folder.path().join("bad.rs"), folder.path().join("good.sql"));
    fs::write(&bad, "/// Runs it.\nfn f() {\n    // Who waits is served.\n}\n").unwrap();
    fs::write(&good, "-- The client that waits is served.\n").unwrap();
    let output = run(&["check", bad.to_str().unwrap(), good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with(&format!("{}:3: a sentence begins with `Who waits`", bad.display())), "{printed}");
    assert_eq!(printed.lines().count(), 1);
    assert_eq!(run(&["check", good.to_str().unwrap()]).status.code(), Some(0));
    assert_eq!(run(&["check", "missing.rs"]).status.code(), Some(2));
}

#[test]
fn prose_is_extracted_to_one_file_per_source() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("up.sql");
    fs::write(&source, "CREATE TABLE t ();\n-- A table.\n").unwrap();
    let output = run(&["extract", folder.path().to_str().unwrap(), source.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let name = format!("{}.md", source.to_str().unwrap().replace('/', "%"));
    assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "\nA table.\n");
}
