//! What hyper lets pass in a request's head, and a proxy in front may read in another way (request smuggling).

/// Longest header name that matters here, in bytes.
const NAME: usize = "transfer-encoding".len();

/// Reads along while a head arrives. It refuses line feeds without a carriage return, and a head with both
/// `Content-Length` and `Transfer-Encoding`.
#[derive(Debug, Default)]
pub(super) struct HeadGuard {
    /// The head is complete; what follows is body.
    is_over: bool,
    after_request_line: bool,
    after_colon: bool,
    last: u8,
    line: usize,
    name: Vec<u8>,
    has_length: bool,
    has_encoding: bool,
}

impl HeadGuard {
    /// Whether the head is still fit to be parsed.
    pub(super) fn admits(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if self.is_over {
                return true;
            }
            if *byte == b'\n' {
                if self.last != b'\r' {
                    return false;
                }
                self.end_line();
            } else {
                self.read(*byte);
            }
            self.last = *byte;
        }
        !(self.has_length && self.has_encoding)
    }

    fn end_line(&mut self) {
        let is_empty = self.line == 1;
        // Empty lines before the request line are allowed.
        self.is_over = is_empty && self.after_request_line;
        self.after_request_line |= !is_empty;
        self.after_colon = false;
        self.line = 0;
        self.name.clear();
    }

    fn read(&mut self, byte: u8) {
        self.line += 1;
        if !self.after_request_line || self.after_colon {
            return;
        }
        if byte == b':' {
            self.after_colon = true;
            self.has_length |= self.name == b"content-length";
            self.has_encoding |= self.name == b"transfer-encoding";
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
                "empty lines first",
                "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\n",
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
