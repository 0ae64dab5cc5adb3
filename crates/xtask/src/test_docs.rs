//! `make test-docs`: runs the shell commands of the documentation against a private system that is started for this run.
//!
//! It runs every fenced block of language sh in README.md, CONTRIBUTING.md and docs/, in one bash per page. The pages state what they
//! expect in HTML comments, which readers do not see:
//!
//! - `<!-- not run: REASON -->`: the block after this line is not run
//! - `<!-- refused: 409 … -->`: the page's curl calls with statuses other than 2xx, in their order; by default there are none
//! - `<!-- prints: TEXT -->`: the output of the page contains this text, regardless of case

use std::{
    fmt::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    checkout::Checkout,
    failure::{Failure, Result, ensure, sentence},
    files,
    shell::{self, append_to, check_interrupt, find_program, step},
    system::given_programs,
    test_system::TestSystem,
};

/// Maximum time for the commands of one page, in seconds.
const LIMIT: &str = "120";

/// The commands of a page of the documentation, and the expectations about their output.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    /// The blocks to run, each after its line number.
    commands: String,
    refused: String,
    prints: Vec<String>,
    /// The lines of blocks whose language should be sh.
    misnamed: Vec<usize>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut block: Option<bool> = None;
        let mut before = "";
        for (number, line) in (1..).zip(text.lines()) {
            match block {
                None if line.starts_with("```") => {
                    if line.starts_with("```bash") || line.starts_with("```shell") {
                        page.misnamed.push(number);
                    }
                    let runs = line == "```sh" && comment(before, "not run").is_none();
                    if runs {
                        let _ = writeln!(page.commands, "# line {number}");
                    }
                    block = Some(runs);
                }
                Some(_) if line.starts_with("```") => {
                    block = None;
                    before = "";
                }
                Some(true) => {
                    page.commands.push_str(line);
                    page.commands.push('\n');
                }
                Some(false) => {}
                None => {
                    before = line;
                    if let Some(statuses) = comment(line, "refused") {
                        statuses.clone_into(&mut page.refused);
                    }
                    page.prints.extend(comment(line, "prints").map(str::to_owned));
                }
            }
        }
        page
    }

    /// Compares the result of the commands with what the page expects; returns what is wrong.
    fn check(&self, statuses: &str, output: &str) -> Option<String> {
        let refused: Vec<&str> = statuses.lines().filter(|status| !status.starts_with('2')).collect();
        let refused = refused.join(" ");
        if refused != self.refused {
            return Some(format!("the statuses other than 2xx are '{refused}' and not '{}'.", self.refused));
        }
        let output = output.to_lowercase();
        let missing = self.prints.iter().find(|text| !output.contains(&text.to_lowercase()))?;
        Some(format!("the output does not contain: {missing}."))
    }
}

/// Returns the text of a comment of this kind that fills a line.
fn comment<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    let text = line.strip_prefix("<!-- ")?.strip_prefix(kind)?.strip_prefix(": ")?.strip_suffix(" -->")?;
    (!text.is_empty()).then_some(text)
}

/// Runs the commands of all pages.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    let root = checkout.root();
    let mut paths = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/decisions"] {
        paths.extend(files::entries(&root.join(folder)).into_iter().filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let mut pages = Vec::new();
    for path in paths {
        let page = Page::parse(&files::read(&path)?);
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        ensure!(page.misnamed.is_empty(), "Mark shell blocks as `sh`, so that this test runs them: {name}, lines {:?}.", page.misnamed);
        pages.push((name, page));
    }
    let work = tempfile::tempdir().map_err(Failure::file("the temporary folder", "created"))?;
    let system = TestSystem::start(checkout)?;
    if given_programs()?.is_none() {
        shell::build(&mut shell::cargo_build(root, &["--quiet"], &["rowlockctl"]))?;
    }
    let out = root.join("target/test-docs");
    files::delete(&out)?;
    files::make_folder(&out)?;
    let folder = Folder::create(&system, work.path())?;
    let mut failed = false;
    for (name, page) in pages.iter().filter(|(_, page)| !page.commands.is_empty()) {
        step!("Running the commands of {name}");
        let log = out.join(format!("{}.log", name.trim_end_matches(".md").replace('/', "-")));
        if let Some(problem) = folder.run(&system, page, &log)? {
            println!("{name}: {problem} The output is in {}.", log.display());
            failed = true;
        }
        check_interrupt()?;
    }
    ensure!(!failed, "The documentation and the system disagree; see above.");
    println!("All commands of the documentation work.");
    Ok(())
}

/// The folder that the commands use as the checkout, and a curl that records the status of each response.
struct Folder {
    work: PathBuf,
    statuses: PathBuf,
}

impl Folder {
    fn create(system: &TestSystem, work: &Path) -> Result<Self> {
        let folder = Self { work: work.to_path_buf(), statuses: work.join("statuses") };
        let state = work.join("checkout/.local");
        for path in [&state, &work.join("home"), &work.join("bin")] {
            files::make_folder(path)?;
        }
        let secrets = state.join("secrets");
        std::os::unix::fs::symlink(system.system().secrets(), &secrets).map_err(Failure::file(&secrets, "created"))?;
        let login = serde_json::json!({"email": system.admin.email, "password": system.admin.password});
        files::write_private(&state.join("admin-login.json"), login.to_string())?;
        let curl = find_program("curl").ok_or_else(|| sentence!("curl is not installed."))?;
        let wrapper = work.join("bin/curl");
        let options = "--noproxy localhost,127.0.0.1 -w '%{stderr}%{http_code}\\n'";
        files::write(&wrapper, format!("#!/bin/sh\nexec {} {options} \"$@\" 2>>'{}'\n", curl.display(), folder.statuses.display()))?;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&wrapper, executable).map_err(Failure::file(&wrapper, "written"))?;
        Ok(folder)
    }

    /// Runs the commands of a page; returns what is wrong.
    fn run(&self, system: &TestSystem, page: &Page, log: &Path) -> Result<Option<String>> {
        let commands = self.work.join("commands");
        files::write(&commands, &page.commands)?;
        files::write(&self.statuses, "")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", self.work.join("bin").display(), system.programs.display());
        let (out, err) = append_to(log)?;
        let mut command = Command::new("timeout");
        command.args([LIMIT, "bash", "-euo", "pipefail"]).arg(commands).current_dir(self.work.join("checkout")).env_clear();
        command.env("HOME", self.work.join("home")).env("PATH", path).env("ROWLOCK_URL", system.api.url());
        command.stdin(std::process::Stdio::null()).stdout(out).stderr(err);
        let output = || files::read(log).unwrap_or_default();
        let statuses = || files::read(&self.statuses).unwrap_or_default();
        match shell::run(&mut command) {
            Ok(()) => Ok(page.check(&statuses(), &output())),
            Err(Failure::Status { .. }) => {
                eprintln!("{}\n{}", output(), statuses());
                Ok(Some(format!("the commands failed (or took more than {LIMIT} seconds).")))
            }
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
<!-- refused: 409 404 -->
```sh
one
```
<!-- not run: slow -->
```sh
two
```
```json
three
```
<!-- prints: Sold out -->
```bash
four
```
";

    #[test]
    fn only_blocks_marked_sh_are_run_unless_a_comment_says_otherwise() {
        let page = Page::parse(TEXT);
        assert_eq!(page.commands, "# line 2\none\n");
        assert_eq!(
            (page.refused.as_str(), page.prints.as_slice(), page.misnamed.as_slice()),
            ("409 404", &["Sold out".to_owned()][..], &[13][..])
        );
    }

    #[test]
    fn statuses_and_output_are_compared() {
        let page = Page::parse(TEXT);
        assert_eq!(page.check("200\n409\n404\n", "SOLD OUT"), None);
        assert!(page.check("200\n409\n", "SOLD OUT").unwrap().contains("'409' and not '409 404'"));
        assert!(page.check("409\n404\n", "").unwrap().contains("does not contain: Sold out"));
    }
}
