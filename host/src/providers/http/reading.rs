//! A reply of HTTP/1.1, read piece by piece as it comes. Nothing here waits for
//! anything, and all that is read is untrusted.

use httparse::{EMPTY_HEADER, Header, Status, parse_chunk_size, parse_headers};
use reqwest::Method;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

use super::Broken;
use crate::providers::wire::Reply;

const HEADERS_MAX: usize = 100;

/// How long a head may be, and what stands between the chunks of a body.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A reply that is being read.
pub(super) struct Reading {
    at: At,
    /// What was read and is no use without what follows.
    begun: Vec<u8>,
    head: Option<Head>,
    body: Vec<u8>,
    has_body: bool,
    bytes_max: u64,
}

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Head,
    /// The rest of a body whose length was told.
    Body(u64),
    /// All that comes before the connection ends.
    BodyToTheEnd,
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Nothing,
}

struct Head {
    status: u16,
    headers: HeaderMap,
    /// Whether another request may follow on the same connection.
    keeps_on: bool,
}

/// What has come of a reply.
pub(super) enum Progress {
    Some,
    /// All of it, and whether another request may follow it.
    Whole(Reply, bool),
}

impl Reading {
    /// Begins to read the reply to a request.
    pub(super) fn of(method: &Method, bytes_max: u64) -> Self {
        Self {
            at: At::Head,
            begun: Vec::new(),
            head: None,
            body: Vec::new(),
            has_body: method != Method::HEAD,
            bytes_max,
        }
    }

    /// Reads what has come.
    pub(super) fn take(&mut self, came: &[u8]) -> Result<Progress, Broken> {
        if self.begun.is_empty() {
            return self.read(came);
        }
        let mut begun = std::mem::take(&mut self.begun);
        begun.extend_from_slice(came);
        self.read(&begun)
    }

    /// Returns the reply when the connection has ended.
    pub(super) fn end(&mut self) -> Result<Reply, Broken> {
        if self.at == At::BodyToTheEnd
            && let Some(head) = self.head.take()
        {
            return Ok(self.reply(head).0);
        }
        Err(Broken::amid(match self.head {
            None if self.begun.is_empty() => "it was closed before a reply came",
            _ => "it was closed before the reply was whole",
        }))
    }

    fn read(&mut self, mut came: &[u8]) -> Result<Progress, Broken> {
        loop {
            let Some(read) = self.read_part(came)? else {
                if came.len() > HEAD_BYTES_MAX {
                    return Err(malformed("its head has no end"));
                }
                self.begun = came.to_vec();
                return Ok(Progress::Some);
            };
            came = &came[read..];
            if self.at == At::Nothing
                && let Some(mut head) = self.head.take()
            {
                // What nobody asked for is no reply to the next request.
                head.keeps_on &= came.is_empty();
                let (reply, keeps_on) = self.reply(head);
                return Ok(Progress::Whole(reply, keeps_on));
            }
            if came.is_empty() {
                return Ok(Progress::Some);
            }
        }
    }

    /// Reads the next part, and returns of how many bytes it is, or nothing
    /// where it cannot be told from these.
    fn read_part(&mut self, came: &[u8]) -> Result<Option<usize>, Broken> {
        let (read, next) = match self.at {
            At::Head => return self.read_head(came),
            At::Body(left) => match self.read_body(came, left)? {
                read if read as u64 == left => (read, At::Nothing),
                read => (read, At::Body(left - read as u64)),
            },
            At::BodyToTheEnd => (self.read_body(came, u64::MAX)?, At::BodyToTheEnd),
            At::ChunkSize => match parse_chunk_size(came) {
                Ok(Status::Complete((read, 0))) => (read, At::Trailers),
                Ok(Status::Complete((read, size))) => (read, At::Chunk(size)),
                Ok(Status::Partial) => return Ok(None),
                Err(_) => return Err(malformed("a chunk has no size")),
            },
            At::Chunk(left) => match self.read_body(came, left)? {
                read if read as u64 == left => (read, At::ChunkEnd),
                read => (read, At::Chunk(left - read as u64)),
            },
            At::ChunkEnd => match came {
                [b'\r', b'\n', ..] => (2, At::ChunkSize),
                [] | [b'\r'] => return Ok(None),
                _ => return Err(malformed("a chunk is longer than its size")),
            },
            At::Trailers => {
                let mut trailers = [EMPTY_HEADER; HEADERS_MAX];
                match parse_headers(came, &mut trailers) {
                    Ok(Status::Complete((read, _))) => (read, At::Nothing),
                    Ok(Status::Partial) => return Ok(None),
                    Err(error) => return Err(malformed(&error.to_string())),
                }
            }
            At::Nothing => (0, At::Nothing),
        };
        self.at = next;
        Ok(Some(read))
    }

    /// Reads as much of a body as has come of so many bytes.
    fn read_body(&mut self, came: &[u8], of: u64) -> Result<usize, Broken> {
        let read = usize::try_from(of).map_or(came.len(), |of| of.min(came.len()));
        self.check_length((self.body.len() + read) as u64)?;
        self.body.extend_from_slice(&came[..read]);
        Ok(read)
    }

    fn check_length(&self, bytes: u64) -> Result<(), Broken> {
        match bytes > self.bytes_max {
            true => Err(Broken::too_long(self.bytes_max)),
            false => Ok(()),
        }
    }

    fn read_head(&mut self, came: &[u8]) -> Result<Option<usize>, Broken> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let parsed = head.parse(came);
        let Status::Complete(read) = parsed.map_err(|error| malformed(&error.to_string()))? else {
            return Ok(None);
        };
        let (status, is_old) = (head.code.unwrap_or(0), head.version == Some(0));
        match status {
            101 => return Err(malformed("it goes on in another protocol")),
            // More is to come of the reply.
            100..200 => return Ok(Some(read)),
            _ => {}
        }
        let headers = owned(head.headers).ok_or_else(|| malformed("a header is no text"))?;
        self.at = match self.has_body && status != 204 && status != 304 {
            true => self.body_of(&headers)?,
            false => At::Nothing,
        };
        let keeps_on = match is_old {
            true => says(&headers, &CONNECTION, "keep-alive"),
            false => !says(&headers, &CONNECTION, "close"),
        };
        self.head = Some(Head {
            status,
            headers,
            keeps_on: keeps_on && self.at != At::BodyToTheEnd,
        });
        Ok(Some(read))
    }

    /// Returns how the body that follows a head is to be read.
    fn body_of(&self, headers: &HeaderMap) -> Result<At, Broken> {
        if headers.contains_key(TRANSFER_ENCODING) {
            return Ok(match says(headers, &TRANSFER_ENCODING, "chunked") {
                true => At::ChunkSize,
                false => At::BodyToTheEnd,
            });
        }
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        let Some(told) = lengths.next() else {
            return Ok(At::BodyToTheEnd);
        };
        let length = Some(told)
            .filter(|told| told.as_bytes().iter().all(u8::is_ascii_digit))
            .and_then(|told| told.to_str().ok()?.parse().ok())
            .filter(|_| lengths.all(|other| other == told))
            .ok_or_else(|| malformed("its length is no number"))?;
        self.check_length(length)?;
        Ok(match length {
            0 => At::Nothing,
            length => At::Body(length),
        })
    }

    fn reply(&mut self, head: Head) -> (Reply, bool) {
        let reply = Reply {
            status: head.status,
            headers: head.headers,
            body: std::mem::take(&mut self.body).into(),
        };
        (reply, head.keeps_on)
    }
}

fn owned(headers: &[Header<'_>]) -> Option<HeaderMap> {
    let mut owned = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        owned.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    Some(owned)
}

/// Tells whether a header, which is a list of words, has one of them.
fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|said| said.trim().eq_ignore_ascii_case(word))
}

fn malformed(why: &str) -> Broken {
    Broken::amid(&format!("it is no reply of HTTP/1.1: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES_MAX: u64 = 20;

    /// Reads a reply that comes in pieces, and then the connection ends. Tells
    /// its status and body, and whether another request may follow.
    fn read(method: &Method, pieces: &[&[u8]]) -> Result<(u16, String, bool), String> {
        let mut reading = Reading::of(method, BYTES_MAX);
        let told = |reply: Reply, keeps_on| {
            let body = String::from_utf8(reply.body.to_vec()).unwrap();
            (reply.status, body, keeps_on)
        };
        for piece in pieces {
            match reading.take(piece) {
                Ok(Progress::Some) => {}
                Ok(Progress::Whole(reply, keeps_on)) => return Ok(told(reply, keeps_on)),
                Err(broken) => return Err(broken.why),
            }
        }
        let reply = reading.end().map_err(|broken| broken.why)?;
        Ok(told(reply, false))
    }

    /// Reads a reply whole, byte by byte, and in two pieces of any length, which
    /// must all come to the same.
    #[track_caller]
    fn read_anyhow(method: &Method, text: &str) -> Result<(u16, String, bool), String> {
        let bytes = text.as_bytes();
        let whole = read(method, &[bytes]);
        let one_by_one: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(read(method, &one_by_one), whole, "{text}");
        for at in 1..bytes.len() {
            let (one, other) = bytes.split_at(at);
            assert_eq!(read(method, &[one, other]), whole, "{text} at {at}");
        }
        whole
    }

    #[track_caller]
    fn assert_read(text: &str, status: u16, body: &str, keeps_on: bool) {
        let expected = (status, body.to_owned(), keeps_on);
        assert_eq!(read_anyhow(&Method::POST, text), Ok(expected), "{text}");
    }

    #[test]
    fn a_body_is_as_long_as_its_head_says() {
        for (head, keeps_on) in [
            ("content-length: 5\r\n", true),
            ("Content-Length:5\r\ncontent-length: 5\r\n", true),
            (
                "connection: keep-alive, Close\r\ncontent-length: 5\r\n",
                false,
            ),
            (
                "content-length: 99\r\ntransfer-encoding: nothing\r\n",
                false,
            ),
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\nhello");
            assert_read(&text, 200, "hello", keeps_on);
        }
        assert_read("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 200, "", true);
        assert_read("HTTP/1.1 204 No\r\n\r\n", 204, "", true);
    }

    #[test]
    fn a_body_may_come_in_chunks() {
        const HEAD: &str =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\ncontent-length: 9\r\n\r\n";
        for chunks in [
            "5\r\nhello\r\n0\r\n\r\n",
            "3\r\nhel\r\n02;a=b\r\nlo\r\n0\r\n\r\n",
            "5 ; a\r\nhello\r\n000\r\nx-more: 1\r\nx-sum: 2\r\n\r\n",
        ] {
            assert_read(&format!("{HEAD}{chunks}"), 200, "hello", true);
        }
        assert_read(
            &format!("{HEAD}F\r\n123456789012345\r\n0\r\n\r\n"),
            200,
            "123456789012345",
            true,
        );
    }

    #[test]
    fn a_body_whose_length_nobody_says_ends_with_the_connection() {
        assert_read("HTTP/1.1 500 No\r\n\r\nhello", 500, "hello", false);
        assert_read("HTTP/1.0 200 OK\r\n\r\n", 200, "", false);
    }

    #[test]
    fn an_old_server_keeps_a_connection_only_if_it_says_so() {
        let text = "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert_read(text, 200, "hello", false);
        let text = text.replace("\r\n\r\n", "\r\nconnection: Keep-Alive\r\n\r\n");
        assert_read(&text, 200, "hello", true);
    }

    #[test]
    fn what_comes_before_a_reply_is_left_out() {
        const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        let early = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 100 Go on\r\n\r\n";
        assert_read(&format!("{early}{WHOLE}"), 200, "hello", true);
    }

    #[test]
    fn what_comes_after_a_reply_ends_the_connection() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1";
        let read = read(&Method::POST, &[text]);
        assert_eq!(read, Ok((200, "hello".into(), false)));
    }

    #[test]
    fn a_question_for_the_head_has_no_body() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n";
        let read = read_anyhow(&Method::HEAD, text);
        assert_eq!(read, Ok((200, String::new(), true)));
    }

    #[test]
    fn headers_are_kept_as_they_came() {
        let text = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:  two \r\nx-b:\r\nx-c: \xff\r\ncontent-length: 0\r\n\r\n";
        let mut reading = Reading::of(&Method::POST, BYTES_MAX);
        let Ok(Progress::Whole(reply, _)) = reading.take(text) else {
            panic!("the reply is whole");
        };
        let of = |name: &str| -> Vec<_> {
            let values = reply.headers.get_all(name).iter();
            values.map(|value| value.as_bytes().to_vec()).collect()
        };
        assert_eq!(of("x-a"), [b"1".to_vec(), b"two".to_vec()]);
        assert_eq!((of("x-b"), of("x-c")), (vec![vec![]], vec![vec![0xff]]));
    }

    #[test]
    fn what_is_no_reply_is_told() {
        for (text, why) in [
            ("", "it was closed before a reply came"),
            ("HTTP/1.1 200 O", "it was closed before the reply was whole"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nhello",
                "it was closed before the reply was whole",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
                "it was closed before the reply was whole",
            ),
            ("SSH-2.0-OpenSSH_9.2\r\n", "it is no reply of HTTP/1.1: "),
            ("HTTP/2 200 OK\r\n\r\n", "it is no reply of HTTP/1.1: "),
            (
                "HTTP/1.1 101 Other\r\n\r\n",
                "it is no reply of HTTP/1.1: it goes on in another protocol",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
                "it is no reply of HTTP/1.1: its length is no number",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 4\r\n\r\nhello",
                "it is no reply of HTTP/1.1: its length is no number",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
                "it is no reply of HTTP/1.1: a chunk has no size",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhello",
                "it is no reply of HTTP/1.1: a chunk is longer than its size",
            ),
        ] {
            let read = read_anyhow(&Method::POST, text).unwrap_err();
            let why = format!("the connection broke: {why}");
            assert!(read.starts_with(&why), "{text}: {read}");
        }
    }

    #[test]
    fn a_head_has_an_end() {
        let no_end = |text: &str| {
            let piece = text.repeat(100);
            let mut reading = Reading::of(&Method::POST, BYTES_MAX);
            reading
                .take(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n")
                .ok()
                .unwrap();
            (0..1_000)
                .find_map(|_| reading.take(piece.as_bytes()).err())
                .unwrap()
                .why
        };
        assert!(no_end("x").contains("its head has no end"));
        assert!(no_end("x: y\r\n").contains("too many headers"));
        let mut reading = Reading::of(&Method::POST, BYTES_MAX);
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;";
        reading.take(head).ok().unwrap();
        let extension = [b'x'; 1_000];
        let broken = (0..100)
            .find_map(|_| reading.take(&extension).err())
            .unwrap();
        assert!(broken.why.contains("its head has no end"), "{}", broken.why);
    }

    #[test]
    fn a_body_is_no_longer_than_it_may_be() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n123456789012345678901",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nf\r\n123456789012345\r\nf\r\n123456",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n123456789012345678901",
        ] {
            let read = read_anyhow(&Method::POST, text);
            assert_eq!(
                read,
                Err("the answer is longer than 20 bytes".into()),
                "{text}"
            );
        }
    }
}
