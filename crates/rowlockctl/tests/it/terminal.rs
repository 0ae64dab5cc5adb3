//! Behavior on a terminal. The program `script`, which every Debian has, provides one.

use std::process::Stdio;

use rowlock_test_support::system::PASSWORD;
use rowlock_test_support::wait::{WAIT_TIMEOUT, until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::fixture::{ADMIN, Fixture};

/// A terminal in which `rowlockctl` runs.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    /// Everything that has appeared on the screen.
    seen: Vec<u8>,
    /// Position in `seen` behind the text that `shows` found last.
    asked: usize,
    /// The terminal device.
    name: String,
}

impl Terminal {
    async fn run(fixture: &Fixture, arguments: &str) -> Self {
        let typed = format!("tty; stty rows 20 cols 90; exec {} {arguments}", env!("CARGO_BIN_EXE_rowlockctl"));
        let mut command = fixture.home.prepared(Command::new("script"), &["-qefc", &typed, "/dev/null"]);
        command.env("TERM", "xterm-256color").env("SHELL", "/bin/sh").stdin(Stdio::piped());
        let mut script = command.spawn().expect("script, of the package bsdutils");
        let (keys, screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut terminal = Self { script, keys, screen, seen: Vec::new(), asked: 0, name: String::new() };
        terminal.shows("\r\n").await;
        terminal.text().lines().next().unwrap().clone_into(&mut terminal.name);
        terminal
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Reads until a text appears after the one that was found last.
    async fn shows(&mut self, text: &str) {
        let in_time = timeout(WAIT_TIMEOUT, async {
            loop {
                let rest = &self.seen[self.asked..];
                if let Some(at) = rest.windows(text.len()).position(|part| part == text.as_bytes()) {
                    self.asked += at + text.len();
                    return;
                }
                let count = self.screen.read_buf(&mut self.seen).await.unwrap();
                assert!(count > 0, "it ended without `{text}`: {}", self.text());
            }
        });
        let in_time = in_time.await.is_ok();
        assert!(in_time, "`{text}` was not shown in time: {}", self.text());
    }

    /// Waits until the echo of typed characters is off, which happens shortly after the prompt appears.
    async fn echo_is_off(&self) {
        until("the terminal has no echo", async || {
            let modes = Command::new("stty").args(["-a", "-F", &self.name]).output().await.unwrap();
            String::from_utf8(modes.stdout).unwrap().contains(" -echo ")
        })
        .await;
    }

    async fn type_line(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        self.keys.flush().await.unwrap();
    }

    /// Waits until the command exits and returns its exit code and output.
    async fn ends(mut self) -> (i32, String) {
        let all = timeout(WAIT_TIMEOUT, self.screen.read_to_end(&mut self.seen)).await;
        assert!(all.is_ok(), "it did not end: {}", self.text());
        let status = self.script.wait().await.unwrap();
        (status.code().unwrap(), self.text())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_password_is_not_displayed() {
    let fixture = Fixture::open().await;
    let mut terminal = Terminal::run(&fixture, &format!("login --url {}", fixture.gateway.url())).await;
    terminal.shows("E-mail: ").await;
    terminal.type_line(ADMIN).await;
    terminal.shows(&format!("Password of {ADMIN}: ")).await;
    terminal.echo_is_off().await;
    terminal.type_line(PASSWORD).await;
    terminal.shows("Logged in at").await;
    let (code, seen) = terminal.ends().await;
    assert_eq!(code, 0);
    assert!(!seen.contains(PASSWORD), "{seen}");
    fixture.run(&["whoami"]).await.ok();
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_an_event_is_confirmed_by_its_name() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(2).await;
    let arguments = format!("events cancel {event}");
    let mut terminal = Terminal::run(&fixture, &arguments).await;
    terminal.shows("Type \"A test\" to confirm: ").await;
    terminal.type_line("yes").await;
    let (code, seen) = terminal.ends().await;
    assert!(code == 1 && seen.contains("Nothing was changed."), "{code}: {seen}");

    // Another administrator changes the event between the question and the answer.
    let mut terminal = Terminal::run(&fixture, &arguments).await;
    terminal.shows("Type \"A test\" to confirm: ").await;
    fixture.system.admin().client.patch(&format!("/admin/events/{event}"), json!({"venue": "North bank"})).await.expect(200);
    terminal.type_line("A test").await;
    let (code, seen) = terminal.ends().await;
    assert!(code == 7 && seen.contains("Check its current state"), "{code}: {seen}");

    let mut terminal = Terminal::run(&fixture, &arguments).await;
    terminal.shows("Type \"A test\" to confirm: ").await;
    terminal.type_line("A test").await;
    let (code, seen) = terminal.ends().await;
    assert_eq!(code, 0, "{seen}");
    assert_eq!(fixture.system.status(&event).await["status"], "cancelled");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_are_redrawn_in_place() {
    let mut fixture = Fixture::logged_in().await;
    let event = fixture.system.event(4).await;
    let mut terminal = Terminal::run(&fixture, &format!("events show {event}")).await;
    terminal.shows("Press Ctrl-C to quit.").await;
    assert!(terminal.text().contains("0 %"), "{}", terminal.text());
    fixture.system.user("ada").await.must_book(&event, 1).await;
    terminal.shows("25 %").await;
    assert!(terminal.text().contains("\u{1b}[36m█"), "in color: {:?}", terminal.text());
    assert!(terminal.text().contains("\u{1b}[10A"), "over the first one, which has ten lines: {:?}", terminal.text());
    fixture.gateway.stop();
    terminal.shows("Cannot reach").await;
    fixture.gateway.start().await;
    terminal.shows("25 %").await;
    // Ctrl-C.
    terminal.type_line("\u{3}").await;
    let (code, _) = terminal.ends().await;
    assert_eq!(code, 130);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_shows_its_progress() {
    let fixture = Fixture::logged_in().await;
    let event = fixture.system.event(4).await;
    fixture.system.user("ada").await.must_book(&event, 3).await;
    let file = fixture.home.path("bookings.csv");
    let mut terminal = Terminal::run(&fixture, &format!("bookings export {event} --output {}", file.display())).await;
    terminal.shows("/3 booked tickets").await;
    terminal.shows("1 booking with 3 confirmed tickets").await;
    assert_eq!(terminal.ends().await.0, 0);
    assert!(file.exists());
    fixture.close().await;
}
