//! What hyper lets pass in a request's head, and a proxy in front may read in another way (request
//! smuggling).

/// Longest header name that matters here, in bytes.
const NAME: usize = "transfer-encoding".len();

/// Reads along with everything a client sends. It refuses line feeds without a carriage return in
/// heads, and a head with both `Content-Length` and `Transfer-Encoding`.
///
/// It passes over bodies by their length. Behind a chunked body it cannot tell heads from bodies,
/// and leaves the rest of the connection to hyper.
#[derive(Debug, Default)]
pub(super) struct HeadGuard {
    /// Bytes of a body that are still to come.
    body: u64,
    is_blind: bool,
    head: Head,
}

/// The head that arrives.
#[derive(Debug, Default)]
struct Head {
    after_request_line: bool,
    after_colon: bool,
    last: u8,
    line: usize,
    name: Vec<u8>,
    length: Option<u64>,
    is_chunked: bool,
}

impl HeadGuard {
    /// Whether these bytes may be parsed.
    pub(super) fn admits(&mut self, mut bytes: &[u8]) -> bool {
        while !self.is_blind && !bytes.is_empty() {
            let passed = usize::try_from(self.body)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            self.body -= passed as u64;
            bytes = bytes.get(passed..).unwrap_or_default();
            let Some((byte, rest)) = bytes.split_first() else {
                return true;
            };
            if !self.take(*byte) {
                return false;
            }
            bytes = rest;
        }
        true
    }

    /// Whether part of a head has arrived, as far as that can be told.
    pub(super) fn has_begun(&self) -> bool {
        self.is_blind || self.head.line > 0 || self.head.after_request_line
    }

    fn take(&mut self, byte: u8) -> bool {
        let head = &mut self.head;
        if byte == b'\n' {
            if head.last != b'\r' {
                return false;
            }
            if head.ends() {
                let head = std::mem::take(head);
                self.body = head.length.unwrap_or(0);
                self.is_blind = head.is_chunked;
                return true;
            }
        } else {
            head.read(byte);
        }
        head.last = byte;
        !(head.length.is_some() && head.is_chunked)
    }
}

impl Head {
    /// Ends a line; whether it was the last.
    fn ends(&mut self) -> bool {
        let is_empty = self.line == 1;
        // Empty lines before the request line are allowed.
        if is_empty && self.after_request_line {
            return true;
        }
        self.after_request_line |= !is_empty;
        self.after_colon = false;
        self.line = 0;
        self.name.clear();
        false
    }

    fn read(&mut self, byte: u8) {
        self.line += 1;
        if !self.after_request_line {
            return;
        }
        if self.after_colon {
            if self.name == b"content-length" && byte.is_ascii_digit() {
                let length = self.length.unwrap_or(0).saturating_mul(10);
                self.length = Some(length.saturating_add(u64::from(byte - b'0')));
            }
        } else if byte == b':' {
            self.after_colon = true;
            if self.name == b"content-length" {
                // Hyper refuses several that differ; of equal ones the last counts.
                self.length = Some(0);
            }
            self.is_chunked |= self.name == b"transfer-encoding";
        } else if self.name.len() <= NAME {
            self.name.push(byte.to_ascii_lowercase());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_can_be_read_in_two_ways_are_refused() {
        for (name, head, want) in [
            ("plain", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true),
            (
                "a body of any bytes",
                "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\n\n",
                true,
            ),
            (
                "names in values",
                "GET / HTTP/1.1\r\nContent-Length: 0\r\na: transfer-encoding:\r\n\r\n",
                true,
            ),
            (
                "a body, then a head",
                "PUT / HTTP/1.1\r\nContent-Length: 12\r\n\r\n0123456789\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
                true,
            ),
            (
                "a body, then a bad head",
                "PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\n\nGET / HTTP/1.1\nHost: x\r\n\r\n",
                false,
            ),
            (
                "a chunked body",
                "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\n",
                true,
            ),
            (
                "empty lines first",
                "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
                true,
            ),
            ("bare line feed", "GET / HTTP/1.1\r\nHost: x\n\r\n", false),
            ("all bare", "GET / HTTP/1.1\nHost: x\n\n", false),
            (
                "both",
                "PUT / HTTP/1.1\r\nCONTENT-length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
                false,
            ),
        ] {
            assert_eq!(HeadGuard::default().admits(head.as_bytes()), want, "{name}");
            let mut guard = HeadGuard::default();
            let by_byte = head.bytes().all(|byte| guard.admits(&[byte]));
            assert_eq!(by_byte, want, "{name}, byte by byte");
        }
    }
}
