//! A small SMTP server whose answers a test decides.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test cannot continue without its servers and reports the cause by panicking"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::closed_port::ClosedPort;

/// The treatment of a mail by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Takes it.
    Accept,
    /// Takes it and closes the connection without a word.
    AcceptAndClose,
    /// Refuses the recipient with this answer.
    RefuseRecipient(&'static str),
    /// Refuses the content with this answer.
    RefuseContent(&'static str),
    /// Closes the connection when it hears the recipient.
    CloseAtRecipient,
    /// Reads the content and closes the connection without an answer.
    CloseAfterContent,
    /// Reads the content and never answers.
    HangAfterContent,
}

/// A mail whose content the server has read, whether it answered or not.
#[derive(Debug, Clone)]
pub struct Received {
    /// The address of the recipient.
    pub recipient: String,
    /// The content, without the line that ends it.
    pub content: Vec<u8>,
    /// Whether the server refused the content, so that the mail must be sent again.
    pub is_refused: bool,
}

type Script = Arc<dyn Fn(&str, usize) -> Behavior + Send + Sync>;
type Observer = Arc<dyn Fn(&str) + Send + Sync>;

#[derive(Debug, Default)]
struct Log {
    received: Vec<Received>,
    /// The number of attempts by recipient.
    attempts: HashMap<String, usize>,
    commands: Vec<String>,
}

/// The way in which a server records the mails and commands that it gets.
#[derive(Clone)]
enum Recorder {
    /// Keeps everything.
    Log(Arc<Mutex<Log>>),
    /// Calls this with the recipient of each mail and keeps nothing, for measurements.
    Observer(Observer),
}

impl Recorder {
    fn command(&self, line: &str) {
        if let Self::Log(log) = self {
            log.lock().unwrap().commands.push(line.to_owned());
        }
    }

    /// Counts an attempt to reach a recipient and returns the number of earlier ones.
    fn attempt(&self, recipient: &str) -> usize {
        let Self::Log(log) = self else { return 0 };
        let mut log = log.lock().unwrap();
        let attempts = log.attempts.entry(recipient.to_owned()).or_default();
        *attempts += 1;
        *attempts - 1
    }

    fn mail(&self, recipient: &str, content: Vec<u8>, is_refused: bool) {
        match self {
            Self::Log(log) => log.lock().unwrap().received.push(Received { recipient: recipient.to_owned(), content, is_refused }),
            Self::Observer(observe) => observe(recipient),
        }
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct SmtpServer {
    /// The address at which it listens.
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
    accepting: JoinHandle<()>,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl SmtpServer {
    /// Starts a server that takes every mail.
    pub fn start() -> Self {
        Self::scripted(|_, _| Behavior::Accept)
    }

    /// Starts a server that asks `script` with the recipient and the number of earlier attempts to reach them.
    pub fn scripted(script: impl Fn(&str, usize) -> Behavior + Send + Sync + 'static) -> Self {
        Self::at(ClosedPort::reserve(), script)
    }

    /// Starts a server at a port that was closed until now.
    pub fn at(port: ClosedPort, script: impl Fn(&str, usize) -> Behavior + Send + Sync + 'static) -> Self {
        let log = Arc::<Mutex<Log>>::default();
        Self::serve(port, Arc::new(script), Recorder::Log(log.clone()), log)
    }

    /// Starts a server that takes every mail, calls `observe` with its recipient, and keeps nothing.
    pub fn observed(observe: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let (script, recorder): (Script, _) = (Arc::new(|_, _| Behavior::Accept), Recorder::Observer(Arc::new(observe)));
        Self::serve(ClosedPort::reserve(), script, recorder, Arc::default())
    }

    fn serve(port: ClosedPort, script: Script, recorder: Recorder, log: Arc<Mutex<Log>>) -> Self {
        let address = port.address;
        let listener = port.listen();
        let accepting = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sessions.spawn(session(stream, script.clone(), recorder.clone()));
            }
        });
        Self { address, log, accepting }
    }

    /// Returns the mails whose content was read.
    pub fn received(&self) -> Vec<Received> {
        self.log.lock().unwrap().received.clone()
    }

    /// Returns the mails whose content was read since the last call, and forgets them.
    pub fn take_received(&self) -> Vec<Received> {
        std::mem::take(&mut self.log.lock().unwrap().received)
    }

    /// Returns the number of attempts to reach a recipient.
    pub fn attempts(&self, recipient: &str) -> usize {
        self.log.lock().unwrap().attempts.get(recipient).copied().unwrap_or_default()
    }

    /// Returns all command lines.
    pub fn commands(&self) -> Vec<String> {
        self.log.lock().unwrap().commands.clone()
    }
}

/// Serves one connection. An error ends it, as a lost connection would.
async fn session(stream: TcpStream, script: Script, recorder: Recorder) {
    let _ = converse(stream, script, recorder).await;
}

async fn converse(stream: TcpStream, script: Script, recorder: Recorder) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test\r\n").await?;
    let mut recipient = String::new();
    let mut behavior = Behavior::Accept;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        recorder.command(&line);
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-test\r\n250 8BITMIME",
            "MAIL" | "RSET" | "NOOP" => "250 ok",
            "RCPT" => {
                line.split(['<', '>']).nth(1).unwrap_or_default().clone_into(&mut recipient);
                behavior = script(&recipient, recorder.attempt(&recipient));
                match behavior {
                    Behavior::RefuseRecipient(answer) => answer,
                    Behavior::CloseAtRecipient => return Ok(()),
                    _ => "250 ok",
                }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let content = content(&mut stream).await?;
                let is_refused = matches!(behavior, Behavior::RefuseContent(_));
                recorder.mail(&recipient, content, is_refused);
                match behavior {
                    Behavior::RefuseContent(answer) => answer,
                    Behavior::CloseAfterContent => return Ok(()),
                    Behavior::HangAfterContent => return std::future::pending().await,
                    Behavior::AcceptAndClose => {
                        stream.write_all(b"250 taken\r\n").await?;
                        return Ok(());
                    }
                    _ => "250 taken",
                }
            }
            "QUIT" => return stream.write_all(b"221 bye\r\n").await,
            _ => "502 no such command",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

async fn content(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let start = content.len();
        if stream.read_until(b'\n', &mut content).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if &content[start..] == b".\r\n" {
            content.truncate(start);
            return Ok(content);
        }
    }
}
