//! A system with a web service, and a browser without JavaScript.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue reports the cause by panicking")]

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode, header};
use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use rowlock_test_support::live_stream::LiveStream;
use rowlock_test_support::system::{PASSWORD, Plan, System, environment, ready};
use web::WebSettings;

/// A system with a web service.
pub(crate) struct Web {
    pub(crate) system: System,
    running: Running,
}

impl Web {
    pub(crate) async fn new() -> Self {
        Self::with(Plan::default(), &[]).await
    }

    /// Starts a system with settings of the web service.
    pub(crate) async fn with(plan: Plan, settings: &[(&str, &str)]) -> Self {
        Self::of(plan.start().await, settings).await
    }

    /// Starts a web service of a system with settings of the web service.
    pub(crate) async fn of(system: System, settings: &[(&str, &str)]) -> Self {
        let running = start(&system, settings);
        ready(running.management_addr()).await;
        Self { system, running }
    }

    pub(crate) fn management_url(&self) -> String {
        format!("http://{}", self.running.management_addr())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.running.http_addr().unwrap())
    }

    /// Returns a browser that has visited nothing yet.
    pub(crate) fn browser(&self) -> Browser {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Browser { http, base: self.url(), cookies: BTreeMap::new(), language: "en" }
    }

    /// Creates an account and returns a browser that is signed in with it.
    pub(crate) async fn signed_in(&self, name: &str) -> Browser {
        self.system.user(name).await;
        let mut browser = self.browser();
        browser.sign_in(name).await;
        browser
    }

    /// Returns the value of a metric of the web service.
    pub(crate) async fn metric(&self, name: &str) -> i64 {
        let url = format!("{}/metrics", self.management_url());
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{name} is missing"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
        self.system.stop().await;
    }
}

/// Starts a web service of a system.
pub(crate) fn start(system: &System, more: &[(&str, &str)]) -> Running {
    let settings = [
        ("http.listen", "127.0.0.1:0".to_owned()),
        ("management.listen", "127.0.0.1:0".to_owned()),
        ("api.auth_url", system.auth_url()),
        ("api.booking_url", system.booking_urls().swap_remove(0)),
        ("session.key", "0123456789abcdef0123456789abcdef".to_owned()),
        // Tests read immediately what they have changed.
        ("site.keep_ms", "0".to_owned()),
    ];
    let more: Vec<_> = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = WebSettings::load(None, environment(&settings, &more)).unwrap();
    web::start(settings, Clock::system()).unwrap()
}

/// A page as a browser without JavaScript sees it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} is missing: {self:?}")).to_str().unwrap()
    }

    /// Asserts a redirect after a form and returns its target.
    #[track_caller]
    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.header("location").to_owned()
    }

    /// Asserts the status and returns the page.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> &str {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        &self.text
    }

    /// Returns the hidden fields of the form with this action.
    #[track_caller]
    pub(crate) fn form(&self, action: &str) -> Vec<(String, String)> {
        let start = format!("action=\"{action}\"");
        let form = self.text.split(&start).nth(1).unwrap_or_else(|| panic!("no form for {action} in {}", self.text));
        let form = form.split("</form>").next().unwrap();
        let attribute = |tag: &str, name: &str| {
            tag.split(&format!("{name}=\"")).nth(1).map(|rest| rest.split('"').next().unwrap().replace("&#34;", "\"").replace("&#38;", "&"))
        };
        let inputs = form.split("<input").skip(1).filter(|tag| tag.split('>').next().unwrap().contains("type=\"hidden\""));
        inputs.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
    }
}

/// A browser without JavaScript: it keeps cookies and sends forms.
#[derive(Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    base: String,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
}

impl Browser {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// Gets the page that a path leads to with at most one redirect.
    pub(crate) async fn open(&mut self, path: &str) -> Answer {
        let answer = self.get(path).await;
        if answer.status == StatusCode::SEE_OTHER { self.get(&answer.location()).await } else { answer }
    }

    /// Sends a form of the site, with its hidden fields.
    pub(crate) async fn submit(&mut self, page: &Answer, action: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = page.form(action);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.post(action, &all, &[("sec-fetch-site", "same-origin")]).await
    }

    /// Sends a form with these fields and headers only.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(String, String)], headers: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, path, headers, Some(body)).await
    }

    /// Opens the live stream of a page.
    pub(crate) async fn follow(&mut self, path: &str, headers: &[(&str, &str)]) -> LiveStream {
        let mut request = self.request(Method::GET, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, "text/event-stream"));
        LiveStream::new(response)
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        self.http.request(method, format!("{}{path}", self.base)).header("cookie", cookies).header("accept-language", self.language)
    }

    /// Sends a form with a picture, and with the hidden fields that the page has.
    pub(crate) async fn upload(&mut self, page: &Answer, action: &str, file: &[u8]) -> Answer {
        self.upload_with(&page.form(action), action, file, "same-origin").await
    }

    /// Sends a form with a picture and these other fields, as browsers send it from a site.
    pub(crate) async fn upload_with(&mut self, fields: &[(String, String)], action: &str, file: &[u8], site: &str) -> Answer {
        let part = |head: &str, content: &[u8]| {
            [format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(), content, b"\r\n"].concat()
        };
        let mut body: Vec<u8> = fields.iter().flat_map(|(name, value)| part(&format!("name=\"{name}\""), value.as_bytes())).collect();
        body.extend(part("name=\"image\"; filename=\"a.webp\"\r\nContent-Type: image/webp", file));
        body.extend(b"--x--\r\n");
        let headers = [("sec-fetch-site", site), ("content-type", "multipart/form-data; boundary=x")];
        self.send_bytes(Method::POST, action, &headers, Some(body)).await
    }

    /// Sends a request with a form of text fields.
    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let headers = if body.is_some() { [headers, &form].concat() } else { headers.to_vec() };
        self.send_bytes(method, path, &headers, body.map(String::into_bytes)).await
    }

    /// Sends a request with the cookies, and keeps those of the response.
    async fn send_bytes(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer { status, headers, text: String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned() }
    }

    /// Signs in as an account of the system.
    pub(crate) async fn sign_in(&mut self, name: &str) {
        let page = self.get("/signin").await;
        let email = format!("{name}@example.org");
        self.submit(&page, "/signin", &[("email", &email), ("password", PASSWORD)]).await.location();
    }
}
