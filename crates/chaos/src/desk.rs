//! How a client gets a definite answer: it sends, and after any failure sends again with the same key.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::http::{Api, DEADLINE, Question, Reply};
use crate::ledger::{Attempt, Door, Ledger, Operation, Request};

/// The first pause before a request is sent again; each is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account.
    pub account: Uuid,
    /// Its e-mail.
    pub email: String,
    /// Valid for the whole run.
    pub token: String,
}

/// When clients begin nothing new, and when they give up what is undecided.
#[derive(Debug, Clone)]
pub struct Closing {
    /// Cancelled: nothing new is begun.
    pub ending: CancellationToken,
    /// From this instant on an undecided request is left undecided.
    pub give_up: watch::Sender<Option<Instant>>,
}

impl Default for Closing {
    fn default() -> Self {
        Self { ending: CancellationToken::new(), give_up: watch::Sender::new(None) }
    }
}

impl Closing {
    fn has_given_up(&self) -> bool {
        self.give_up.borrow().is_some_and(|at| at <= Instant::now())
    }

    /// Pauses, and not much longer than until nothing new is begun. Tells whether to go on.
    pub async fn goes_on_after(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.ending.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// How often a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Until there is an answer.
    Once,
    /// Twice at the same time, as by an impatient finger.
    Twins,
    /// Once more after the promise.
    Again,
}

/// Where clients send their requests.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The gateway.
    pub gateway: Api,
    /// Who writes down.
    pub ledger: Ledger,
    /// When it ends.
    pub closing: Closing,
}

impl Desk {
    /// Asks until there is a definite answer or nothing more can be had, and writes all down.
    pub async fn decide(&self, person: &Person, operation: Operation, manner: Manner) -> Option<Reply> {
        let key = if matches!(operation, Operation::SetCapacity { .. }) { String::new() } else { Uuid::new_v4().to_string() };
        let mut request = Request { account: person.account, key, operation, attempts: Vec::new(), probe: false };
        let mut pause = FIRST_PAUSE;
        let mut twins = manner == Manner::Twins;
        loop {
            if twins {
                twins = false;
                let (one, other) = tokio::join!(self.send(person, &request), self.send(person, &request));
                let mut both = [one, other];
                both.sort_by_key(|attempt| attempt.ended);
                // A definite answer decides only when neither is on its way any more, which is so now; a lost one may have
                // taken effect, so it is asked again.
                let decided = both.iter().all(|attempt| attempt.answer.as_ref().is_ok_and(Reply::is_definite));
                request.attempts.extend(both);
                if decided || request.promise().is_some() {
                    break;
                }
            } else {
                let attempt = self.send(person, &request).await;
                let decided = attempt.answer.as_ref().is_ok_and(Reply::is_definite);
                request.attempts.push(attempt);
                if decided {
                    break;
                }
            }
            if self.closing.has_given_up() {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if manner == Manner::Again && request.promise().is_some() {
            let attempt = self.send(person, &request).await;
            request.attempts.push(attempt);
        }
        let reply = request.promise().or_else(|| request.verdict()).cloned();
        self.ledger.write(request);
        reply
    }

    async fn send(&self, person: &Person, request: &Request) -> Attempt {
        let (method, path, body) = request.operation.request();
        let key = (!request.key.is_empty()).then_some(request.key.as_str());
        let question = Question {
            method,
            path: &path,
            token: Some(&person.token),
            key,
            bootstrap: None,
            body: Some(body.to_string()),
            deadline: DEADLINE,
        };
        send(&self.gateway, &question, Door::Gateway).await
    }

    /// Sends a request once, with a deadline of its own, and writes it down as a probe.
    pub async fn probe(&self, api: &Api, door: Door, person: &Person, operation: Operation, deadline: Duration) -> Attempt {
        let key = Uuid::new_v4().to_string();
        let (method, path, body) = operation.request();
        let question = Question {
            method,
            path: &path,
            token: Some(&person.token),
            key: Some(&key),
            bootstrap: None,
            body: Some(body.to_string()),
            deadline,
        };
        let attempt = send(api, &question, door).await;
        self.ledger.write(Request { account: person.account, key, operation, attempts: vec![attempt.clone()], probe: true });
        attempt
    }
}

async fn send(api: &Api, question: &Question<'_>, door: Door) -> Attempt {
    let sent = Instant::now();
    let answer = api.ask(question).await;
    Attempt { sent, ended: Instant::now(), door, answer }
}
