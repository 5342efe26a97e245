//! The page of a person, served by `junction-bridge ui`, and what a browser would ask of it.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::{TestHome, Transport, http_at, person, signal, within};

/// A page that is served.
pub struct TestPage {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The link that was printed, which works once.
    pub link: String,
    /// The port of the page.
    pub port: u16,
}

/// What a browser has that has opened a link.
pub struct PageVisit {
    /// The cookie, as the browser sends it.
    pub cookie: String,
    /// The key, which the page keeps.
    pub key: String,
}

/// The websocket of a tab.
pub struct TestTab(WebSocketStream<TcpStream>);

impl TestPage {
    /// The page of the person `kurt`.
    pub async fn start(home: &TestHome, port: u16) -> Self {
        Self::of(person(home, port, &["ui", "--no-open"])).await
    }

    /// The page that this command serves.
    pub async fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = within("a link", lines.next_line()).await.expect("its stdout");
        let link = line.expect("a link");
        let rest = link.strip_prefix("http://127.0.0.1:").expect("an address of this machine");
        let (port, _) = rest.split_once('/').expect("a path");
        let port = port.parse().expect("a port");
        Self { child, lines, link, port }
    }

    /// What the page answers to a request for this path with these further header lines.
    pub async fn get(&self, path: &str, headers: &str) -> String {
        self.says(&format!("GET {path} HTTP/1.0\r\nHost: {}\r\n{headers}\r\n", self.address()))
            .await
    }

    /// What the page answers to an action of the page with these header lines.
    pub async fn act(&self, action: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let request = format!(
            "POST /do/{action} HTTP/1.0\r\nHost: {}\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.address()
        );
        self.says(&request).await
    }

    /// What the page answers to a request.
    pub async fn says(&self, request: &str) -> String {
        http_at(Transport::Plain, self.address(), request.as_bytes()).await
    }

    /// Opens a link of this page, as a browser does.
    pub async fn open(&self, link: &str) -> Option<PageVisit> {
        let path = link.strip_prefix(&format!("http://{}", self.address())).expect("a link here");
        let answer = self.get(path, "").await;
        let header = |name: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        let cookie = header("set-cookie:")?;
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
        let key = header("location:")?.strip_prefix("/#").expect("a key")[..].to_owned();
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        Some(PageVisit { cookie, key })
    }

    /// A tab of a browser with this cookie, whose page shows this key; none if it is not let in.
    pub async fn tab(&self, cookie: &str, key: &str) -> Option<TestTab> {
        self.tab_of(&format!("http://{}", self.address()), cookie, key).await
    }

    /// A tab of a page of this origin.
    pub async fn tab_of(&self, origin: &str, cookie: &str, key: &str) -> Option<TestTab> {
        let mut request = format!("ws://{}/live", self.address()).into_client_request().ok()?;
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().ok()?);
        headers.insert("cookie", cookie.parse().ok()?);
        let stream = TcpStream::connect(self.address()).await.ok()?;
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.ok()?;
        let mut tab = TestTab(socket);
        tab.say(key.to_owned()).await;
        Some(tab)
    }

    /// The headers of an action that the page itself does.
    pub fn own_headers(&self, visit: &PageVisit) -> String {
        let PageVisit { cookie, key } = visit;
        format!("Origin: http://{}\r\nCookie: {cookie}\r\nPage-Key: {key}\r\n", self.address())
    }

    /// The process that serves the page.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The page's address.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Ends the page by Ctrl-C; its exit status.
    pub async fn interrupt(mut self) -> Option<i32> {
        signal(self.pid(), rustix::process::Signal::INT);
        self.ended().await
    }

    /// Waits until the page is served no more; the exit status.
    pub async fn ended(&mut self) -> Option<i32> {
        within("the page ends", self.child.wait()).await.expect("its status").code()
    }

    /// The next line that it prints.
    pub async fn line(&mut self) -> Option<String> {
        within("a line", self.lines.next_line()).await.expect("its stdout")
    }
}

impl TestTab {
    /// Says something to the server.
    pub async fn say(&mut self, text: String) {
        // A server that has closed the tab says so when it is read.
        let _ = self.0.send(Message::Text(text.into())).await;
    }

    /// Says that the tab has come into sight.
    pub async fn show(&mut self) {
        self.say(json!({ "visible": true }).to_string()).await;
    }

    /// The next frame, or the code with which the tab was closed.
    pub async fn frame(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match within("a frame", self.0.next()).await {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Frames until `pick` gives something of one. The tab has what waits unread in sight, and then its text.
    pub async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Value) -> Option<T>) -> T {
        loop {
            let frame =
                self.frame().await.unwrap_or_else(|code| panic!("{what}: closed, {code:?}"));
            for (list, said) in [("unread", "wanted"), ("mail", "shown")] {
                let unread = frame[list].as_array().into_iter().flatten();
                let unread = unread.filter(|letter| letter["unread"] == true);
                let ids: Vec<_> = unread.map(|letter| letter["id"].clone()).collect();
                if !ids.is_empty() {
                    self.say(json!({ "in_sight": { said: ids } }).to_string()).await;
                }
            }
            if let Some(found) = pick(&frame) {
                return found;
            }
        }
    }

    /// The first message to or from the person that `is_it` accepts.
    pub async fn letter(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        self.until("a letter", |frame| {
            frame["mail"].as_array()?.iter().find(|it| is_it(it)).cloned()
        })
        .await
    }
}
