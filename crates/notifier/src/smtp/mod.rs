//! Hands mails to an SMTP server, command by command, so that it is known how far each delivery got.

mod connection;
mod pool;

pub(crate) use connection::Delivered;
pub(crate) use pool::SmtpPool;
