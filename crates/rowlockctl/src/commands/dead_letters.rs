//! `dead-letters list` and `replay`: work on RabbitMQ directly, with the same settings as the services.

use std::path::Path;

use rowlock_messaging::amqp::dead_letters::{self, DeadLetter};
use rowlock_messaging::amqp::{AmqpSettings, LinkError, Topology, queue_depth};
use rowlock_platform::cli::environment;
use rowlock_platform::settings::{SettingsReader, env_name};
use serde_json::{Value, json};

use crate::cli::{DeadLetters, DeadLettersAction, QueueFamily};
use crate::error::Failure;
use crate::output::{Column, Output, print_line, table, time_or_dash};

/// AMQP settings with the same defaults as the services.
const DEFAULTS: &str = include_str!("../default.toml");

pub(super) fn run(output: Output, arguments: DeadLetters) -> Result<(), Failure> {
    let DeadLetters { action, queue, amqp_url_file } = arguments;
    let settings = settings(amqp_url_file.as_deref(), environment())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("Cannot start the RabbitMQ client: {error}")))?;
    let failed = |error| link_failure(&error);
    let mut families = Vec::new();
    for topology in selected_families(&settings, queue) {
        // An installation without a notifier does not have its queues, and reading them would declare them.
        if runtime.block_on(queue_depth(&settings, &topology.dead_queue)).map_err(failed)?.is_some() {
            families.push(topology);
        }
    }
    match action {
        DeadLettersAction::List { limit } => {
            let mut letters = Vec::new();
            for topology in &families {
                let listed = runtime.block_on(dead_letters::list(&settings, topology, limit)).map_err(failed)?;
                letters.extend(listed.into_iter().map(|letter| (topology.dead_queue.clone(), letter)));
            }
            show(output, letters)
        }
        DeadLettersAction::Replay => {
            for topology in &families {
                let replayed = runtime.block_on(dead_letters::replay(&settings, topology)).map_err(failed)?;
                let document = json!({"queue": topology.work_queue, "moved": replayed.moved, "kept": replayed.kept});
                if output.json {
                    print_line(&document.to_string())?;
                }
                output.message(&format!(
                    "{}: moved back to the work queue: {}; not moved: {}.",
                    topology.work_queue, replayed.moved, replayed.kept
                ))?;
            }
            Ok(())
        }
    }
}

/// Returns the selected queue family, or all.
fn selected_families(settings: &AmqpSettings, queue: Option<QueueFamily>) -> Vec<Topology> {
    let all = [
        (QueueFamily::TicketsReleased, Topology::new(settings)),
        (QueueFamily::Accounts, Topology::accounts(settings)),
        (QueueFamily::Sales, Topology::sales(settings)),
        (QueueFamily::UrgentNotifications, Topology::urgent_notifications(settings)),
        (QueueFamily::Notifications, Topology::notifications(settings)),
    ];
    all.into_iter().filter(|(family, _)| queue.is_none_or(|queue| queue == *family)).map(|(_, topology)| topology).collect()
}

fn settings(url_file: Option<&Path>, mut environment: Vec<(String, String)>) -> Result<AmqpSettings, Failure> {
    let url = env_name("amqp.url");
    if let Some(path) = url_file {
        let path = path.to_str().ok_or_else(|| Failure::Usage("The path in --amqp-url-file is not UTF-8.".to_owned()))?;
        environment.retain(|(name, _)| *name != url && *name != format!("{url}_FILE"));
        environment.push((format!("{url}_FILE"), path.to_owned()));
    }
    let is_named = |(name, value): &(String, String)| !value.is_empty() && (*name == url || *name == format!("{url}_FILE"));
    if !environment.iter().any(is_named) {
        return Err(Failure::Usage(format!(
            "Dead letters are read from RabbitMQ, but its URL is not set. Pass --amqp-url-file FILE, or set {url} or {url}_FILE as for the \
             services (amqp://USER:PASSWORD@HOST:PORT/VHOST). In a checkout that runs `make up`: --amqp-url-file .local/secrets/amqp-url"
        )));
    }
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let mut reader = SettingsReader::load(DEFAULTS, None, environment).map_err(|error| usage(&error))?;
    let amqp = AmqpSettings::read(&mut reader, "rowlockctl dead-letters");
    // The environment may be that of a service, which contains other settings as well.
    reader.ignore_rest();
    reader.finish(amqp).map_err(|error| usage(&error))
}

fn link_failure(error: &LinkError) -> Failure {
    match error {
        LinkError::Settings(_) => Failure::Usage(error.to_string()),
        LinkError::Connect(_) | LinkError::TimedOut { .. } | LinkError::Lost => Failure::BrokerUnreachable(error.to_string()),
        _ => Failure::Other(error.to_string()),
    }
}

fn show(output: Output, letters: Vec<(String, DeadLetter)>) -> Result<(), Failure> {
    if output.json {
        return letters.into_iter().try_for_each(|(queue, letter)| print_line(&letter_json(&queue, &letter).to_string()));
    }
    if letters.is_empty() {
        return print_line("There are no dead letters.");
    }
    let columns = [
        Column::Text("QUEUE"),
        Column::Text("MESSAGE"),
        Column::Text("TYPE"),
        Column::Number("ATTEMPTS"),
        Column::Text("FAILED AT"),
        Column::Text("REASON"),
    ];
    let rows = letters.into_iter().map(|(queue, letter)| {
        vec![
            queue,
            letter.message_id.unwrap_or_else(|| "-".to_owned()),
            letter.routing_key,
            letter.attempts.to_string(),
            time_or_dash(letter.failed_at),
            letter.reason,
        ]
    });
    print_line(&table(&columns, rows))
}

fn letter_json(queue: &str, letter: &DeadLetter) -> Value {
    json!({
        "queue": queue,
        "messageId": letter.message_id,
        "type": letter.routing_key,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "occurredAt": letter.occurred_at,
        "failedAt": letter.failed_at,
        "bodyStart": letter.body_start,
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn settings_from(variables: &[(&str, &str)]) -> Result<AmqpSettings, Failure> {
        settings(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn missing_or_invalid_urls_are_explained() {
        let error = settings_from(&[("ROWLOCK__DATABASE__URL", "postgres://x")]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        for word in ["--amqp-url-file", "ROWLOCK__AMQP__URL", "amqp://"] {
            assert!(error.to_string().contains(word), "{error}");
        }
        let error = settings_from(&[("ROWLOCK__AMQP__URL", "http://u:secret@x")]).unwrap_err();
        assert!(error.to_string().contains("amqp.url") && !error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn settings_of_a_service_are_accepted() {
        let found =
            settings_from(&[("ROWLOCK__AMQP__URL", "amqp://x"), ("ROWLOCK__AMQP__PREFIX", "mine"), ("ROWLOCK__HTTP__LISTEN", "nowhere")])
                .unwrap();
        assert_eq!((found.url.expose_secret(), found.prefix.as_str()), ("amqp://x", "mine"));
    }

    #[test]
    fn the_file_takes_precedence_over_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("amqp-url");
        std::fs::write(&file, "amqp://from-file\n").unwrap();
        let environment = vec![("ROWLOCK__AMQP__URL".to_owned(), "amqp://from-environment".to_owned())];
        assert_eq!(settings(Some(&file), environment).unwrap().url.expose_secret(), "amqp://from-file");
        assert_eq!(settings(Some(Path::new("/nowhere")), Vec::new()).unwrap_err().exit_code(), 2);
    }

    /// The prefix and the retry delays are part of the queue names.
    #[test]
    fn defaults_equal_those_of_the_services() {
        let url = [("ROWLOCK__AMQP__URL", "amqp://x")];
        let environment = || url.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let ours = settings_from(&url).unwrap();
        for text in
            [include_str!("../../../reallocation-worker/src/default.toml"), include_str!("../../../booking-service/src/default.toml")]
        {
            let mut reader = SettingsReader::load(text, None, environment()).unwrap();
            let theirs = AmqpSettings::read(&mut reader, "rowlockctl dead-letters").unwrap();
            assert_eq!((&ours.prefix, &ours.retry_delays), (&theirs.prefix, &theirs.retry_delays));
        }
    }
}
