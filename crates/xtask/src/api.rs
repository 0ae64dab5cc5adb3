//! A client of the public HTTP API. It runs curl, so that this crate needs no HTTP library.

use std::{
    fmt::Write as _,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Result, ensure, sentence},
    files, ports,
    shell::variable,
    system::System,
};

#[derive(Clone, Debug)]
pub(crate) struct Api {
    url: String,
    limit: Duration,
    gateway: Option<TlsGateway>,
}

/// A gateway on this machine that serves HTTPS under any name.
#[derive(Clone, Debug)]
struct TlsGateway {
    address: String,
    /// The file with its certificate, which is trusted as it is.
    certificate: PathBuf,
}

/// A response; the status is 0 if there was none.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: String,
    url: String,
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    None,
    Json(&'a Value),
    File { media_type: &'a str, path: &'a Path },
}

/// An e-mail address and a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// The tokens that a login returns.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    pub(crate) token: String,
    #[serde(default)]
    pub(crate) refresh_token: String,
    pub(crate) account: LoggedIn,
}

/// The account of a login.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LoggedIn {
    pub(crate) id: String,
}

impl Api {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), limit: Duration::from_secs(30), gateway: None }
    }

    /// Returns the API behind the gateway of a system on this machine.
    pub(crate) fn of(system: &System) -> Result<Self> {
        let Some(certificate) = system.https.certificate() else { return Ok(Self::new(&system.local_url(ports::GATEWAY)?)) };
        let gateway = TlsGateway { address: system.listen_address(ports::GATEWAY)?, certificate };
        Ok(Self { gateway: Some(gateway), ..Self::new(&system.gateway_url()?) })
    }

    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the API that ROWLOCK_URL names, or that of this checkout's system.
    pub(crate) fn find(system: &System) -> Result<Self> {
        if let Some(url) = variable("ROWLOCK_URL") {
            return Ok(Self::new(&url));
        }
        ensure!(system.is_set_up(), "Nothing has been set up here. Run 'make up' first, or name a running system with ROWLOCK_URL.");
        ensure!(system.processes.alive("gateway"), "The system is not running. Run 'make up' first.");
        Self::of(system)
    }

    /// Sends a request, with or without a JSON body.
    pub(crate) fn send(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Result<Response> {
        self.send_with(method, path, token, body.map_or(Content::None, Content::Json))
    }

    /// Sends a request. Fails only if curl cannot be run; a missing response has the status 0.
    pub(crate) fn send_with(&self, method: &str, path: &str, token: Option<&str>, content: Content<'_>) -> Result<Response> {
        let url = format!("{}{path}", self.url);
        let failure = |source| Failure::Program { program: "curl".to_owned(), source };
        let mut child = self
            .curl()
            .args(["-sS", "--max-time", &self.limit.as_secs().to_string(), "-w", "\\n%{http_code}", "-K", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failure)?;
        // Token and body are passed on stdin, so that other users cannot see them in the process list.
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(config(&url, method, token, content).as_bytes()).map_err(failure)?;
        }
        let output = child.wait_with_output().map_err(failure)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (body, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
        Ok(Response { status: status.parse().unwrap_or_default(), body: body.to_owned(), url: self.url.clone() })
    }

    /// Returns whether curl refuses the certificate of the server.
    pub(crate) fn distrusts_certificate(&self) -> bool {
        const REFUSED: i32 = 60;
        let mut command = self.curl();
        command.args(["-s", "--max-time", "3", "-o", "/dev/null", &self.url]);
        command.status().is_ok_and(|status| status.code() == Some(REFUSED))
    }

    fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        match &self.gateway {
            None => command.args(["--noproxy", "localhost,127.0.0.1"]),
            Some(TlsGateway { address, certificate }) => {
                command.arg("--connect-to").arg(format!("::{address}")).arg("--cacert").arg(certificate).args(["--noproxy", "*"])
            }
        };
        command
    }

    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Result<Response> {
        self.send("GET", path, token, None)
    }

    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Response> {
        self.send("POST", path, token, Some(body))
    }

    /// Creates an account. The installation may send e-mail: the response then does not tell whether the account is new.
    pub(crate) fn create_account(&self, name: &str, username: &str, login: &Login) -> Result<()> {
        let body = json!({"name": name, "username": username, "email": login.email, "password": login.password});
        let response = self.post("/api/createaccount", None, &body)?;
        let status = if response.status == 202 { 202 } else { 201 };
        response.expect(status, || format!("{name} could not create an account")).map(drop)
    }

    pub(crate) fn log_in(&self, name: &str, login: &Login) -> Result<Tokens> {
        let body = json!({"email": login.email, "password": login.password});
        self.post("/api/loginaccount", None, &body)?.expect(200, || format!("{name} could not log in"))?.json()
    }

    pub(crate) fn log_in_administrator(&self, login: &Login) -> Result<String> {
        let Login { email, password } = login;
        let body = match variable("ROWLOCK_ADMIN_TOTP") {
            Some(code) => json!({"email": email, "password": password, "totp": code}),
            None => json!({"email": email, "password": password}),
        };
        let response = self.post("/admin/loginaccount", None, &body)?;
        ensure!(
            !response.problem().contains("totp-required"),
            "The administrator has a second factor. Give the code that the authenticator app shows as ROWLOCK_ADMIN_TOTP."
        );
        response.expect(200, || "The administrator could not log in".to_owned())?.text("/token")
    }
}

impl Login {
    /// Returns the administrator's login that the environment names or that `make up` has created.
    pub(crate) fn of_administrator(system: &System) -> Result<Self> {
        if let (Some(email), Some(password)) = (variable("ROWLOCK_ADMIN_EMAIL"), variable("ROWLOCK_ADMIN_PASSWORD")) {
            return Ok(Self { email, password });
        }
        let file = system.folder().join("admin-login.json");
        let Some(text) = files::read_note(&file) else {
            return Err(sentence!("No administrator's login is known. Give ROWLOCK_ADMIN_EMAIL and ROWLOCK_ADMIN_PASSWORD."));
        };
        serde_json::from_str(&text).map_err(|source| Failure::Json { what: file.display().to_string(), source })
    }
}

impl Response {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the response if it has this status, and fails with `what` and the problem otherwise.
    pub(crate) fn expect(self, status: u16, what: impl FnOnce() -> String) -> Result<Self> {
        ensure!(self.status == status, "{}: {}.", what(), self.problem().trim_end_matches('.'));
        Ok(self)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.body).map_err(|source| Failure::Json { what: format!("a response of {}", self.url), source })
    }

    /// Returns the text at a JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> Result<String> {
        let value: Value = self.json()?;
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| sentence!("A response of {} has no text at {pointer}.", self.url))
    }

    /// Returns what went wrong, as part of a sentence.
    pub(crate) fn problem(&self) -> String {
        if self.status == 0 {
            return format!("no answer from {}", self.url);
        }
        let Ok(problem) = serde_json::from_str::<Problem>(&self.body) else {
            return format!("status {}, not a problem document", self.status);
        };
        let fields = problem.errors.into_iter().map(|error| format!("{}: {}", error.field, error.message));
        let parts: Vec<String> = problem.code.into_iter().chain(problem.detail).chain(fields).collect();
        format!("status {}, {}", self.status, parts.join("; "))
    }
}

/// The parts of a problem document that are shown.
#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    field: String,
    message: String,
}

/// Returns curl's configuration for a request.
fn config(url: &str, method: &str, token: Option<&str>, content: Content<'_>) -> String {
    let mut config = format!("url = {}\nrequest = {}\n", quoted(url), quoted(method));
    if let Some(token) = token {
        let _ = writeln!(config, "header = {}", quoted(&format!("Authorization: Bearer {token}")));
    }
    let (media_type, data) = match content {
        Content::None => return config,
        Content::Json(body) => ("application/json", body.to_string()),
        Content::File { media_type, path } => (media_type, format!("@{}", path.display())),
    };
    let _ = writeln!(config, "header = {}\ndata-binary = {}", quoted(&format!("Content-Type: {media_type}")), quoted(&data));
    config
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status, body: body.to_owned(), url: "http://x".to_owned() }
    }

    #[test]
    fn the_configuration_of_curl_is_quoted() {
        let config = config("http://x/a", "POST", Some("t"), Content::Json(&json!({"a": "\"\\"})));
        assert_eq!(
            config,
            "url = \"http://x/a\"\nrequest = \"POST\"\nheader = \"Authorization: Bearer t\"\nheader = \"Content-Type: application/json\"\ndata-binary = \"{\\\"a\\\":\\\"\\\\\\\"\\\\\\\\\\\"}\"\n"
        );
    }

    #[test]
    fn a_problem_is_told_with_its_code_its_detail_and_its_fields() {
        let body = r#"{"code": "invalid", "detail": "Wrong.", "errors": [{"field": "name", "message": "is empty"}]}"#;
        assert_eq!(response(422, body).problem(), "status 422, invalid; Wrong.; name: is empty");
        assert_eq!(response(502, "<html>").problem(), "status 502, not a problem document");
        assert_eq!(response(0, "").problem(), "no answer from http://x");
    }

    #[test]
    fn an_unexpected_status_is_a_failure() {
        assert!(response(200, "{}").expect(200, || unreachable!()).is_ok());
        let failure = response(404, r#"{"code": "no_route"}"#).expect(200, || "It failed".to_owned()).unwrap_err();
        assert_eq!(failure.to_string(), "It failed: status 404, no_route.");
    }

    #[test]
    fn nothing_listens_on_a_closed_port() {
        let api = Api::new("http://127.0.0.1:1/").with_limit(Duration::from_secs(5));
        assert_eq!(api.get("/", None).unwrap().status, 0);
    }
}
