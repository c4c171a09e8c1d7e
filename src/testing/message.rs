//! HTTP/1.1 messages as bytes, as far as a proxy before a [`FakeSpotify`](super::FakeSpotify) needs
//! to know them: each has its length in its head.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A request or a response.
pub(super) struct Message {
    bytes: Vec<u8>,
    /// Where the body begins.
    body_at: usize,
}

impl Message {
    /// Reads a message, or `None` where no more come. What is read beyond it stays in `buffer`.
    pub(super) async fn read(
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Self>> {
        loop {
            if let Some(body_at) = end_of_head(buffer) {
                let length = body_at + content_length(buffer.get(..body_at).unwrap_or_default());
                if buffer.len() >= length {
                    let rest = buffer.split_off(length);
                    return Ok(Some(Self { bytes: std::mem::replace(buffer, rest), body_at }));
                }
            }
            if buffer.len() > LONGEST || stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// A response; `headers` are whole lines.
    pub(super) fn response(status: &str, content_type: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\n{headers}\
             content-length: {length}\r\n\r\n"
        );
        Self { body_at: head.len(), bytes: (head + body).into_bytes() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn head(&self) -> &[u8] {
        self.bytes.get(..self.body_at).unwrap_or_default()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(self.body_at..).unwrap_or_default()
    }

    /// The path of a request, with its query.
    pub(super) fn target(&self) -> String {
        let line = self.head().split(|byte| *byte == b'\n').next().unwrap_or_default();
        let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        String::from_utf8_lossy(target).into_owned()
    }

    /// The same with another header in place of what is called so; none where `value` is `None`.
    pub(super) fn with_header(&self, name: &str, value: Option<&str>) -> Self {
        let head = String::from_utf8_lossy(self.head());
        let kept = head.trim_end().lines().filter(|line| !is_called(line, name));
        let mut head: String = kept.map(|line| format!("{line}\r\n")).collect();
        if let Some(value) = value {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let body_at = head.len();
        Self { bytes: [head.as_bytes(), self.body()].concat(), body_at }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().find(|line| is_called(line, "content-length"));
    let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

fn is_called(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(other, _)| other.eq_ignore_ascii_case(name))
}

/// Far above any message of a test.
const LONGEST: usize = 4 * 1024 * 1024;
