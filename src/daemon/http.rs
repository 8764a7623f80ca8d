//! `/metrics` and `/healthz` over HTTP/1, for whoever may connect: nothing is changed by it, and no number is told.
//!
//! One request a connection, of a line and headers within 8 KiB; `httparse` reads them. What isn't GET or HEAD of a page
//! that is there gets the status that says so.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use super::ask::Asking;
use super::serve::{Cut, read, serve};
use crate::clock::Clock;

/// Listens at `at` for as long as the process runs.
///
/// # Errors
/// It can't be listened there.
pub fn listen(at: SocketAddr, asking: Asking, clock: Arc<dyn Clock>) -> io::Result<()> {
    let listener = TcpListener::bind(at)?;
    let accept = move || listener.accept().map(|(stream, _)| stream);
    serve("metrics", accept, move |stream| attend(stream, &asking, &*clock))
}

fn attend(mut stream: TcpStream, asking: &Asking, clock: &dyn Clock) {
    let page = match read(&mut stream, clock, MOST, is_whole) {
        Ok(head) => page(&head, asking),
        Err(Cut::Long) => Page::bare("431 Request Header Fields Too Large"),
        Err(Cut::Slow) => Page::bare("408 Request Timeout"),
        Err(Cut::Gone) => return,
    };
    // Who doesn't wait for the answer doesn't want it.
    let _ = stream.write_all(page.head().as_bytes()).and_then(|()| match page.head_only {
        true => Ok(()),
        false => stream.write_all(page.body.as_bytes()),
    });
}

/// What is answered.
struct Page {
    status: &'static str,
    kind: &'static str,
    body: String,
    head_only: bool,
}

impl Page {
    fn bare(status: &'static str) -> Page {
        Page { status, kind: "text/plain; charset=utf-8", body: format!("{status}\n"), head_only: false }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {}\r\nContent-Type: {}\r\n", self.status, self.kind);
        let _ = write!(head, "Content-Length: {}\r\nConnection: close\r\n", self.body.len());
        if self.status.starts_with("405") {
            head.push_str("Allow: GET, HEAD\r\n");
        }
        head + "\r\n"
    }
}

/// Whether the headers have ended, or never will.
fn is_whole(head: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    !matches!(httparse::Request::new(&mut headers).parse(head), Ok(httparse::Status::Partial))
}

fn page(head: &[u8], asking: &Asking) -> Page {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(_) => {}
        Err(httparse::Error::TooManyHeaders) => return Page::bare("431 Request Header Fields Too Large"),
        Err(_) => return Page::bare("400 Bad Request"),
    }
    let path = request.path.and_then(|path| path.split('?').next()).unwrap_or_default();
    let of_page = match path {
        "/metrics" => metrics,
        "/healthz" => healthz,
        _ => return Page::bare("404 Not Found"),
    };
    match request.method {
        Some("GET") => of_page(asking),
        Some("HEAD") => Page { head_only: true, ..of_page(asking) },
        _ => Page::bare("405 Method Not Allowed"),
    }
}

fn metrics(asking: &Asking) -> Page {
    match asking.figures() {
        Some(figures) => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            Page { kind, body: figures.text(), ..Page::bare("200 OK") }
        }
        None => Page { body: STUCK.to_owned(), ..Page::bare(UNAVAILABLE) },
    }
}

/// 200 and `ok` while all is well, else 503 and what is wrong, a line each.
fn healthz(asking: &Asking) -> Page {
    let troubles = asking.figures().map(|figures| figures.troubles());
    match troubles {
        Some(none) if none.is_empty() => Page { body: "ok\n".to_owned(), ..Page::bare("200 OK") },
        Some(troubles) => Page { body: troubles.join("\n") + "\n", ..Page::bare(UNAVAILABLE) },
        None => Page { body: STUCK.to_owned(), ..Page::bare(UNAVAILABLE) },
    }
}

const UNAVAILABLE: &str = "503 Service Unavailable";
const STUCK: &str = "the engine doesn't answer\n";
/// So many bytes of a request are taken.
const MOST: usize = 8 << 10;
/// And so many headers.
const HEADERS: usize = 64;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::thread;

    use super::*;
    use crate::clock::SystemClock;
    use crate::daemon::ask::Ask;
    use crate::daemon::figures::{Figures, tests::figures};

    /// What is answered to `sent` by a daemon of which `told` is true.
    fn answer(sent: &[u8], told: Figures) -> String {
        let (asking, asked) = Asking::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut near = TcpStream::connect(listener.local_addr().expect("an address")).expect("connects");
        let (far, _) = listener.accept().expect("accepts");
        let attending = thread::spawn(move || attend(far, &asking, &SystemClock));
        near.write_all(sent).expect("written");
        near.shutdown(std::net::Shutdown::Write).expect("shut");
        if let Ok(Ask::Figures(answer)) = asked.recv() {
            answer.send(told).expect("is heard");
        }
        let mut text = String::new();
        near.read_to_string(&mut text).expect("text");
        attending.join().expect("no panic");
        text
    }

    #[test]
    fn figures_and_health_are_told() {
        let metrics = answer(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", figures());
        assert!(
            metrics.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"),
            "{metrics}"
        );
        assert!(metrics.contains("\nringback_packets_total 0\n"), "{metrics}");
        assert!(answer(b"GET /healthz?x HTTP/1.0\r\n\r\n", figures()).ends_with("\r\n\r\nok\n"));
        assert!(
            answer(b"HEAD /healthz HTTP/1.1\r\n\r\n", figures())
                .ends_with("Content-Length: 3\r\nConnection: close\r\n\r\n")
        );
    }

    #[test]
    fn what_is_wrong_is_503_and_said() {
        let mut told = figures();
        told.store.degraded = Some("the disk is full".into());
        let answer = answer(b"GET /healthz HTTP/1.1\r\n\r\n", told);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("the store can't be written: the disk is full\n"), "{answer}");
    }

    #[test]
    fn anything_else_gets_the_status_that_says_so() {
        let many: String = (0..100).map(|n| format!("h{n}: 1\r\n")).collect();
        for (sent, status) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n".to_vec(), "405"),
            (b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), "400"),
            (b"GET /metrics HTTP/9.9\r\n\r\n".to_vec(), "400"),
            (format!("GET /metrics HTTP/1.1\r\n{many}\r\n").into_bytes(), "431"),
            ([b"GET /".to_vec(), vec![b'a'; MOST - 1_000], b" HTTP/1.1\r\n\r\n".to_vec()].concat(), "404"),
        ] {
            let answer = answer(&sent, figures());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        }
    }
}
