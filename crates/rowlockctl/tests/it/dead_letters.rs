//! Commands on dead letters, which access RabbitMQ directly.

use rowlock_messaging::amqp::{Exchange, OutboundMessage, Publisher, Topology};
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use tokio::process::Command;

use crate::fixture::{Home, finish};

/// Creates a command with the AMQP settings of the services.
fn command(system: &System, home: &Home, arguments: &[&str]) -> Command {
    let amqp = system.broker.settings();
    let delays = amqp.retry_delays.iter().map(|delay| delay.as_millis().to_string()).collect::<Vec<_>>().join(",");
    let mut command = home.command(&[&["dead-letters"], arguments].concat());
    command.env("ROWLOCK__AMQP__URL", amqp.url.expose_secret()).env("ROWLOCK__AMQP__PREFIX", amqp.prefix);
    command.env("ROWLOCK__AMQP__RETRY_DELAYS_MS", delays).env("ROWLOCK__DATABASE__URL", "unused");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_all_queues_are_listed_and_replayed() {
    let system = Plan::default().booking_setting("timeline.from_messages", "true").start().await;
    let home = Home::new();
    assert_eq!(finish(command(&system, &home, &["list"])).await.ok(), "There are no dead letters.\n");

    // The service binds the queue of sales after it has become ready.
    let metrics = format!("{}/metrics", system.booking_management_urls().remove(0));
    until("the queue of sales is bound", async || {
        reqwest::get(&metrics).await.unwrap().text().await.unwrap().contains("rowlock_sales_amqp_links_up 1")
    })
    .await;

    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    let poison = |key: &str, id: &str| OutboundMessage::event(key, id, "not \u{1b}[31m json");
    publisher.publish_batch(vec![poison("tickets.released", "poison-1"), poison("account.disabled", "poison-2")]).await.unwrap();
    // A message about a ticket type is for the worker and for the sales timeline.
    let (tickets, accounts, sales) = (system.broker.topology(), system.broker.accounts(), system.broker.sales());
    let dead = async || {
        let mut depths = Vec::new();
        for queue in [&tickets.dead_queue, &accounts.dead_queue, &sales.dead_queue] {
            depths.push(system.broker.depth(queue).await);
        }
        depths == [Some(1), Some(1), Some(1)]
    };
    until("all are dead letters", dead).await;

    let table = finish(command(&system, &home, &["list"])).await.ok();
    for text in ["poison-1", "poison-2", "tickets.released", "account.disabled", tickets.dead_queue.as_str(), "envelope"] {
        assert!(table.contains(text), "{text} is not in: {table}");
    }
    assert!(!table.contains('\u{1b}'), "{table:?}");
    let only = finish(command(&system, &home, &["list", "--queue", "accounts", "--json"])).await.json();
    assert_eq!((&only["messageId"], &only["type"], &only["attempts"]), (&"poison-2".into(), &"account.disabled".into(), &1.into()));
    assert_eq!(only["queue"], accounts.dead_queue);
    assert!(only["bodyStart"].as_str().unwrap().starts_with("not "));

    // The message is still invalid, so it is dead-lettered again.
    let moved = finish(command(&system, &home, &["replay", "--queue", "tickets-released", "--json"])).await.json();
    assert_eq!((&moved["queue"], &moved["moved"], &moved["kept"]), (&tickets.work_queue.clone().into(), &1.into(), &0.into()));
    until("it is a dead letter again", dead).await;
    let output = finish(command(&system, &home, &["replay"])).await.ok();
    assert_eq!(output.lines().filter(|line| line.contains(": moved back to the work queue: 1; not moved: 0.")).count(), 3, "{output}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_the_notifier_are_included_if_there_is_one() {
    let system = System::new().await;
    let home = Home::new();
    let families = [system.broker.urgent_notifications(), system.broker.notifications()];
    assert_eq!(finish(command(&system, &home, &["list"])).await.ok(), "There are no dead letters.\n");
    for family in &families {
        assert_eq!(system.broker.depth(&family.dead_queue).await, None, "reading them declares no queue");
    }
    let amqp = system.broker.settings();
    Topology::bind_notifications(&amqp).await.unwrap();
    let mut publisher = Publisher::connect(&amqp).await.unwrap();
    for (family, id) in families.iter().zip(["urgent", "other"]) {
        let letter = OutboundMessage { exchange: Exchange::Default, ..OutboundMessage::event(family.dead_queue.clone(), id, "x") };
        publisher.publish_batch(vec![letter]).await.unwrap();
    }
    let all = finish(command(&system, &home, &["list"])).await.ok();
    assert!(all.contains("urgent") && all.contains("other"), "{all}");
    let only = finish(command(&system, &home, &["list", "--queue", "urgent-notifications", "--json"])).await.json();
    assert_eq!((&only["messageId"], &only["queue"]), (&"urgent".into(), &families[0].dead_queue.clone().into()));
    let moved = finish(command(&system, &home, &["replay", "--queue", "notifications", "--json"])).await.json();
    assert_eq!((&moved["queue"], &moved["moved"]), (&families[1].work_queue.clone().into(), &1.into()));
    system.stop().await;
}

#[tokio::test]
async fn missing_and_invalid_broker_settings_are_explained() {
    let home = Home::new();
    home.run(&["dead-letters", "list"]).await.failed(2, "--amqp-url-file");
    let file = home.file("amqp-url", "amqp://user:very-secret@127.0.0.1:9/\n");
    let arguments = ["dead-letters", "replay", "--amqp-url-file", file.to_str().unwrap()];
    let error = home.run(&arguments).await.failed(5, "Cannot reach RabbitMQ");
    assert!(!error.contains("very-secret"), "{error}");
    let file = home.file("amqp-url", "https://rabbit");
    home.run(&["dead-letters", "list", "--amqp-url-file", file.to_str().unwrap()]).await.failed(2, "amqp://");
}
