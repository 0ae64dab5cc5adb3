//! The pages with the mails that nothing sends.

use rowlock_test_support::system::Plan;

use crate::support::Web;

const MAIL: &str = "Date: Sun, 29 Nov 2026 13:17:00 +0000\r\nTo: Ada <ada@example.org>\r\nSubject: Your <b>tickets</b>\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"x\"\r\n\r\n\
    --x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nShow <them>:\r\nhttp://localhost:3000/tickets\r\n\
    --x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p style=\"color:red\">Show them</p>\r\n--x--\r\n";

#[tokio::test]
async fn mails_in_the_folder_are_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail").to_str().unwrap().to_owned();
    let web = Web::with(Plan::default(), &[("site.mail_folder", &path)]).await;
    let mut browser = web.browser();
    assert!(browser.get("/dev/mail").await.expect(200).contains("There is no mail yet."));
    std::fs::create_dir(&path).unwrap();
    std::fs::write(format!("{path}/1-a.2-b.eml"), MAIL).unwrap();
    std::fs::write(format!("{path}/3-c.4-d.tmp"), MAIL).unwrap();
    std::fs::write(folder.path().join("secret.eml"), MAIL).unwrap();

    let list = browser.get("/dev/mail").await;
    assert!(list.expect(200).contains("<a href=\"/dev/mail/1-a.2-b\">Your &#60;b&#62;tickets&#60;/b&#62;</a>"), "{}", list.text);
    assert!(list.text.contains("ada@example.org") && !list.text.contains("3-c"));
    assert_eq!(list.header("cache-control"), "no-store");
    let mail = browser.get("/dev/mail/1-a.2-b").await;
    assert!(mail.expect(200).contains("Show &#60;them&#62;:"), "{}", mail.text);
    assert!(mail.text.contains("<a href=\"http://localhost:3000/tickets\">http://localhost:3000/tickets</a>"));
    let html = browser.get("/dev/mail/1-a.2-b/html").await;
    assert!(html.expect(200).contains("<p style=\"color:red\">"));
    let policy = html.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox") && !policy.contains("script"), "{policy}");
    for unknown in ["unknown", "3-c.4-d", "..%2Fsecret", "%2e%2e%2fsecret", "..", "1-a.2-b.eml"] {
        browser.get(&format!("/dev/mail/{unknown}")).await.expect(404);
    }
    web.stop().await;
}

#[tokio::test]
async fn files_of_a_mail_can_be_saved() {
    const MAIL: &str = "To: Ada <ada@example.org>\r\nSubject: Your tickets\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n\
        --x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"tickets.pdf\"\r\n\r\nJVBERi0=\r\n\
        --x\r\nContent-Type: text/calendar\r\nContent-Disposition: attachment; filename=\"a<b>.ics\"\r\n\r\nBEGIN:VCALENDAR\r\n--x--\r\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1-a.eml"), MAIL).unwrap();
    let web = Web::with(Plan::default(), &[("site.mail_folder", folder.path().to_str().unwrap())]).await;
    let mut browser = web.browser();
    let page = browser.get("/dev/mail/1-a").await;
    assert!(page.expect(200).contains("href=\"/dev/mail/1-a/files/0\">tickets.pdf</a>") && page.text.contains("a&#60;b&#62;.ics"));
    let file = browser.get("/dev/mail/1-a/files/0").await;
    assert_eq!(file.expect(200), "%PDF-");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"tickets.pdf\"");
    let file = browser.get("/dev/mail/1-a/files/1").await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"file\"");
    for unknown in ["1-a/files/2", "1-a/files/x", "1-b/files/0", "..%2F1-a/files/0"] {
        browser.get(&format!("/dev/mail/{unknown}")).await.expect(404);
    }
    web.stop().await;
}

#[tokio::test]
async fn without_the_setting_there_are_no_pages_with_mails() {
    let web = Web::new().await;
    let mut browser = web.browser();
    for path in ["/dev/mail", "/dev/mail/1-a.2-b", "/dev/mail/1-a.2-b/html"] {
        browser.get(path).await.expect(404);
    }
    web.stop().await;
}
