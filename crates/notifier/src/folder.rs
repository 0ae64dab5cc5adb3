//! Writes mails into a folder, for installations without an SMTP server.

use std::path::{Path, PathBuf};

use crate::mail::OutgoingMail;

/// Writes a mail as `KEY.eml`. A mail that is written again replaces the same file, so each exists once.
pub(crate) async fn write(folder: &Path, mail: &OutgoingMail) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let path = |extension: &str| -> PathBuf { folder.join(format!("{}.{extension}", mail.key)) };
    // A program that reads the folder sees whole files only.
    tokio::fs::write(path("tmp"), &mail.content).await?;
    tokio::fs::rename(path("tmp"), path("eml")).await
}
