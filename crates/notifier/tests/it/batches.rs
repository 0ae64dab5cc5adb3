//! Housekeeping with many rows: in batches, and without being stopped by a step that fails.

use rowlock_test_support::wait::until;

use crate::commands::run;
use crate::fixture::Fixture;
use crate::smtp_server::SmtpServer;

/// Refuses statements that change or delete more than a batch of rows.
pub(crate) const LIMIT_STATEMENTS: &str = "
    CREATE FUNCTION limit_rows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT count(*) FROM changed) > 5000 THEN
            RAISE EXCEPTION 'more than a batch of % in one statement', TG_TABLE_NAME;
        END IF;
        RETURN NULL;
    END $$;
    DO $$
    DECLARE name text;
    BEGIN
        FOREACH name IN ARRAY ARRAY['deliveries', 'webhook_deliveries', 'broadcasts'] LOOP
            EXECUTE format('CREATE TRIGGER limit_updates AFTER UPDATE ON %I REFERENCING OLD TABLE AS changed
                            FOR EACH STATEMENT EXECUTE FUNCTION limit_rows()', name);
            EXECUTE format('CREATE TRIGGER limit_deletes AFTER DELETE ON %I REFERENCING OLD TABLE AS changed
                            FOR EACH STATEMENT EXECUTE FUNCTION limit_rows()', name);
        END LOOP;
    END $$;";

/// Inserts rows for housekeeping: 11,000 of each kind.
const FILL: &str = "
    INSERT INTO deliveries (message_id, recipient, channel, kind, data, urgent, status, attempts, claimed_at, settled_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'email', 'confirmed', '{}', false, status, 1,
           CASE WHEN status = 'sending' THEN now() - interval '1 day' END, CASE WHEN status = 'sent' THEN now() - interval '1 year' END
    FROM generate_series(1, 11000), unnest(ARRAY['sending', 'sent']) AS status;
    INSERT INTO broadcasts (message_id, kind, event_id, event_version, previous, status, settled_at)
    SELECT gen_random_uuid(), 'event-changed', gen_random_uuid(), 1, '{}', 'done', now() - interval '1 year' FROM generate_series(1, 11000);
    INSERT INTO webhooks (id, url, secret, created_by, disabled_at, disabled_reason)
    VALUES (gen_random_uuid(), 'https://crm.example', 'sealed', gen_random_uuid(), now(), 'administrator');
    INSERT INTO webhook_deliveries (webhook_id, message_id, type, happened_at, body, status, due_at, claimed_at, settled_at, error)
    SELECT webhooks.id, gen_random_uuid(), 'event.created', now(), '{}', status, CASE WHEN status = 'pending' THEN now() END,
           CASE WHEN status = 'sending' THEN now() - interval '1 day' END, CASE WHEN status = 'failed' THEN now() - interval '1 year' END, 'why'
    FROM webhooks, generate_series(1, 11000), unnest(ARRAY['pending', 'sending', 'failed']) AS status;";

/// Reads the number of rows that housekeeping still has to do something about.
const LEFT: &str = "
    SELECT 'left' AS status, NULL AS detail, (
        (SELECT count(*) FROM deliveries WHERE status IN ('sending', 'sent')) + (SELECT count(*) FROM broadcasts)
        + (SELECT count(*) FROM webhook_deliveries WHERE status <> 'failed' OR settled_at < now() - interval '1 month')
    )::integer AS attempts";

async fn nothing_is_left(fixture: &mut Fixture) {
    until("housekeeping has done its work", async || fixture.rows(LEFT).await[0].attempts == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_of_housekeeping_changes_more_than_a_batch() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.execute(FILL).await;
    fixture.execute(LIMIT_STATEMENTS).await;
    let notifier = fixture.start(smtp.address, &[]).await;
    nothing_is_left(&mut fixture).await;
    assert_eq!(fixture.count("unclear").await, 11_000);
    notifier.stop().await.unwrap();

    // The same for an operator who has all mails of a message sent again.
    fixture.execute("ALTER TABLE deliveries DISABLE TRIGGER limit_updates").await;
    fixture.execute("UPDATE deliveries SET message_id = '00000000-0000-7000-8000-000000000001'").await;
    fixture.execute("ALTER TABLE deliveries ENABLE TRIGGER limit_updates").await;
    let (_, output) = run(&fixture, &["deliveries", "resend", "00000000-0000-7000-8000-000000000001"]).await;
    assert_eq!(output, "11000 deliveries are pending again.\n");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn housekeeping_goes_on_if_the_backlog_cannot_be_measured() {
    let mut fixture = Fixture::new().await;
    let smtp = SmtpServer::start();
    fixture.execute(FILL).await;
    // Stands for a backlog that takes too long to count: only the measurements read these columns.
    let hide = "
        DO $$
        DECLARE hidden record; reader text; columns text;
        BEGIN
            FOR hidden IN SELECT * FROM (VALUES ('deliveries', 'created_at'), ('webhooks', 'failing_since')) AS h (name, of) LOOP
                SELECT grantee INTO STRICT reader FROM information_schema.role_table_grants
                WHERE table_name = hidden.name AND privilege_type = 'SELECT'
                    AND grantee <> (SELECT tableowner FROM pg_tables WHERE tablename = hidden.name);
                SELECT string_agg(quote_ident(column_name), ', ') INTO columns FROM information_schema.columns
                WHERE table_name = hidden.name AND column_name <> hidden.of;
                EXECUTE format('REVOKE SELECT ON %I FROM %I', hidden.name, reader);
                EXECUTE format('GRANT SELECT (%s) ON %I TO %I', columns, hidden.name, reader);
            END LOOP;
        END $$";
    fixture.execute(hide).await;
    let notifier = fixture.start(smtp.address, &[]).await;
    nothing_is_left(&mut fixture).await;
    // Messages are consumed all the same.
    fixture.publish([crate::fixture::about_tickets("booking.confirmed", 1)]).await;
    fixture.settled(1, "sent").await;
    notifier.stop().await.unwrap();
    fixture.close().await;
}
