//! `make test-api`: schemathesis generates requests from the served API description and sends them through the gateway.
//!
//! It sends the examples, values at and just beyond the limits, and malformed input, and fails if a response is a 5xx or is not
//! described. Every run sends the same requests. Those that failed are in target/test-api, with the commands that repeat them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    api::{Api, Login},
    checkout::Checkout,
    failure::{Result, ensure},
    files, samples,
    shell::{check_interrupt, variable},
    system::System,
    test_system::TestSystem,
    tools,
};

/// These operations invalidate the token that they are called with, so they run last, with the token of a separate account.
const ENDING: &str = "^(eraseAccount|endSession|endOtherSessions)$";

/// The operations that run as a user: all but those that end the session, and the live streams, whose responses have no end.
const NOT_AS_USER: &str = "^(eraseAccount|endSession|endOtherSessions|followEvent|followAccount)$";

/// The ids in the examples of the description: crates/*/src/routes/examples.rs.
const EXAMPLE_EVENT: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7003";
const EXAMPLE_TYPE: &str = "01936f1d-77a0-7c44-8d10-5e2b7a9c3f04";
const EXAMPLE_BOOKING: &str = "01936f1e-8f00-7b3a-9c55-2f6f3c9d1a05";
const EXAMPLE_ENTRY: &str = "01936f1f-0c30-7e10-a1b2-8d5e4f3c2b07";

/// The resources that the requests name: an event with a booking and a waiting-list entry, accounts and sessions.
#[derive(Debug)]
struct Fixtures {
    event: String,
    sold_out: String,
    ticket_type: String,
    booking: String,
    entry: String,
    guest: String,
    session: String,
    user_token: String,
    guest_token: String,
}

/// Tests a private system, or the one that ROWLOCK_URL names, in which it creates accounts, events and bookings.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    tools::need(checkout, &[])?;
    let requirements = checkout.script("test-api/requirements.txt");
    let program = tools::python_environment(checkout, "schemathesis", &requirements)?.join("bin/schemathesis");
    let work = tempfile::tempdir().map_err(crate::failure::Failure::file("the temporary folder", "created"))?;
    let private = if variable("ROWLOCK_URL").is_some() { None } else { Some(TestSystem::start(checkout)?) };
    let (api, login) = if let Some(system) = &private {
        (system.api.clone(), system.admin.clone())
    } else {
        let system = System::of_checkout(checkout);
        (Api::find(&system)?, Login::of_administrator(&system)?)
    };
    let admin = api.log_in_administrator(&login)?;
    let fixtures = Fixtures::create(&api, &admin)?;
    write_input(checkout, &api, &fixtures, work.path())?;
    let out = checkout.root().join("target/test-api");
    files::delete(&out)?;
    files::make_folder(&out)?;

    let test = Run { program, work: work.path(), url: api.url(), out: &out };
    let mut failed = Vec::new();
    let runs: [(&str, &str, &[&str]); 3] = [
        ("user", &fixtures.user_token, &["--exclude-operation-id-regex", NOT_AS_USER]),
        ("administrator", &admin, &["--include-tag", "administration", "--include-tag", "webhooks"]),
        ("leaver", &fixtures.guest_token, &["--include-operation-id-regex", ENDING]),
    ];
    for (name, token, options) in runs {
        if !test.succeeds_as(name, token, options)? {
            failed.push(name);
        }
        check_interrupt()?;
    }
    if !failed.is_empty()
        && let Some(system) = &private
    {
        files::keep_logs(&system.system().folder().join("log"), &out.join("log"))?;
    }
    ensure!(
        failed.is_empty(),
        "Responses did not match the API description, in the runs as: {}. See the output above and {}.",
        failed.join(" "),
        out.display()
    );
    println!("\nEvery response matched the API description.");
    Ok(())
}

impl Fixtures {
    fn create(api: &Api, admin: &str) -> Result<Self> {
        let run = format!("{}{}", samples::now().timestamp(), files::random_below(10_000)?);
        let password = files::random_password()?;
        let sign_up = |name: &str| {
            let login = Login { email: format!("{name}{run}@example.org"), password: password.clone() };
            api.create_account(name, &format!("{name}{run}"), &login)?;
            let tokens = api.log_in(name, &login)?;
            Ok((tokens.account.id, tokens.token))
        };
        let post = |path: &str, token: &str, status: u16, body: &Value| {
            api.post(path, Some(token), body)?.expect(status, || format!("POST {path}"))
        };
        let (_, user_token) = sign_up("user")?;
        let (guest, guest_token) = sign_up("guest")?;
        let race = json!({"name": "Boat race", "totalTickets": 100_000, "maxPerBooking": 100, "startsAt": "2099-01-01T00:00:00Z"});
        let race = post("/admin/initialize", admin, 201, &race)?;
        let event = race.text("/id")?;
        let booking = post("/api/book", &user_token, 201, &json!({"eventId": event, "quantity": 90}))?.text("/booking/id")?;
        let sold_out = post("/admin/initialize", admin, 201, &json!({"name": "Sold out", "totalTickets": 1}))?.text("/id")?;
        post("/api/book", &guest_token, 201, &json!({"eventId": sold_out}))?;
        let entry = post("/api/book", &user_token, 202, &json!({"eventId": sold_out}))?.text("/waitlistEntry/id")?;
        let sessions = api.get("/api/sessions", Some(&guest_token))?.expect(200, || "GET /api/sessions".to_owned())?;
        let (ticket_type, session) = (race.text("/ticketTypes/0/id")?, sessions.text("/items/0/id")?);
        Ok(Self { event, sold_out, ticket_type, booking, entry, guest, session, user_token, guest_token })
    }

    /// Replaces the ids in the examples of a description by existing ones.
    fn insert_into(&self, description: &str) -> String {
        let ids = [
            (EXAMPLE_EVENT, &self.event),
            (EXAMPLE_TYPE, &self.ticket_type),
            (EXAMPLE_BOOKING, &self.booking),
            (EXAMPLE_ENTRY, &self.entry),
        ];
        ids.iter().fold(description.to_owned(), |text, (example, id)| text.replace(example, id))
    }

    /// Returns the part of schemathesis's settings that names existing ids.
    fn dictionaries(&self) -> String {
        let Self { event, sold_out, ticket_type, guest, session, .. } = self;
        format!(
            "\n[dictionaries]\nevents = {{ values = [\"{event}\", \"{sold_out}\"] }}\ntypes = {{ values = [\"{ticket_type}\"] }}\naccounts = {{ values = [\"{guest}\"] }}\nsessions = {{ values = [\"{session}\"] }}\n"
        )
    }
}

/// Writes the served description and the settings of schemathesis, both with existing ids.
fn write_input(checkout: &Checkout, api: &Api, fixtures: &Fixtures, work: &Path) -> Result<()> {
    let description = api.get("/api/openapi.json", None)?.expect(200, || "GET /api/openapi.json".to_owned())?;
    files::write(&work.join("openapi.json"), fixtures.insert_into(&description.body))?;
    let settings = files::read(&checkout.script("test-api/schemathesis.toml"))?;
    files::write(&work.join("schemathesis.toml"), settings + &fixtures.dictionaries())
}

struct Run<'a> {
    program: PathBuf,
    work: &'a Path,
    url: &'a str,
    out: &'a Path,
}

impl Run<'_> {
    /// Runs schemathesis once with this token; returns whether every response was as described.
    fn succeeds_as(&self, name: &str, token: &str, options: &[&str]) -> Result<bool> {
        println!("\nAs {name}");
        let mut command = Command::new(&self.program);
        command.current_dir(self.work).env("ROWLOCK_TEST_TOKEN", token);
        command.args(["--config-file", "schemathesis.toml", "run", "openapi.json", "--url", self.url]);
        command.args(["--report", "junit,ndjson", "--report-dir"]).arg(self.out.join(name)).args(options);
        match crate::shell::run(&mut command) {
            Err(crate::failure::Failure::Status { .. }) => Ok(false),
            result => result.map(|()| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixtures() -> Fixtures {
        let id = |name: &str| format!("id-of-{name}");
        Fixtures {
            event: id("event"),
            sold_out: id("sold-out"),
            ticket_type: id("type"),
            booking: id("booking"),
            entry: id("entry"),
            guest: id("guest"),
            session: id("session"),
            user_token: String::new(),
            guest_token: String::new(),
        }
    }

    #[test]
    fn examples_name_existing_ids() {
        let text = format!("{EXAMPLE_EVENT} {EXAMPLE_BOOKING} {EXAMPLE_EVENT} other");
        assert_eq!(fixtures().insert_into(&text), "id-of-event id-of-booking id-of-event other");
    }

    #[test]
    fn the_description_still_has_the_ids_that_are_replaced() {
        let description = files::read(&Checkout::find().unwrap().root().join("deploy/openapi.json")).unwrap();
        for id in [EXAMPLE_EVENT, EXAMPLE_TYPE, EXAMPLE_BOOKING, EXAMPLE_ENTRY] {
            assert!(description.contains(id), "{id}");
        }
    }

    #[test]
    fn every_dictionary_of_the_settings_is_defined() {
        let settings = files::read(&Checkout::find().unwrap().script("test-api/schemathesis.toml")).unwrap();
        let dictionaries = fixtures().dictionaries();
        let names = settings.split("dictionary = \"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut count = 0;
        for name in names {
            assert!(dictionaries.contains(&format!("\n{name} = ")), "{name}");
            count += 1;
        }
        assert_eq!(count, 4);
    }
}
