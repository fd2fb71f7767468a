//! `postgres://` URLs.

use crate::ConnectError;

const FIX: &str = "write postgres://user:password@host:port/dbname?key=value, \
                   with special characters percent-encoded";

/// What follows the scheme, if `text` is a URL.
pub(crate) fn after_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"))
}

/// The pairs of a URL, from what follows its scheme.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, ConnectError> {
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, dbname) = text.split_once('/').unwrap_or((text, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (user, hosts),
        None => ("", authority),
    };
    let mut pairs = Vec::new();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    for (key, value) in [("user", user), ("password", password), ("dbname", dbname)] {
        if !value.is_empty() {
            pairs.push((key.to_owned(), decode(value)?));
        }
    }
    hosts_and_ports(hosts, &mut pairs)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| syntax("a parameter without \"=\""))?;
        let (key, value) = (decode(key)?, decode(value)?);
        // What JDBC's users write.
        pairs.push(if key == "ssl" && value == "true" {
            ("sslmode".to_owned(), "require".to_owned())
        } else {
            (key, value)
        });
    }
    Ok(pairs)
}

fn hosts_and_ports(text: &str, pairs: &mut Vec<(String, String)>) -> Result<(), ConnectError> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for place in text.split(',') {
        let (host, port) = match place.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6
                    .split_once(']')
                    .ok_or_else(|| syntax("an IPv6 address without \"]\""))?;
                let port = match port.strip_prefix(':') {
                    Some(port) => port,
                    None if port.is_empty() => "",
                    None => return Err(syntax("text between \"]\" and the port")),
                };
                (host, port)
            }
            None => place.split_once(':').unwrap_or((place, "")),
        };
        hosts.push(decode(host)?);
        ports.push(decode(port)?);
    }
    for (key, values) in [("host", hosts), ("port", ports)] {
        if values.iter().any(|value| !value.is_empty()) {
            pairs.push((key.to_owned(), values.join(",")));
        }
    }
    Ok(())
}

fn decode(text: &str) -> Result<String, ConnectError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()];
        let [Some(high), Some(low)] = digits.map(|d| char::from(d?).to_digit(16)) else {
            return Err(syntax("\"%\" without two hexadecimal digits"));
        };
        match u8::try_from(high * 16 + low) {
            Ok(byte) if byte != 0 => bytes.push(byte),
            _ => return Err(syntax("\"%00\"")),
        }
    }
    String::from_utf8(bytes).map_err(|_| syntax("text that is not UTF-8"))
}

fn syntax(problem: &str) -> ConnectError {
    ConnectError::Syntax {
        problem: problem.to_owned(),
        fix: FIX,
    }
}

#[cfg(test)]
mod tests {
    use super::{after_scheme, pairs};

    #[test]
    fn every_part_of_a_url_is_read() {
        for (url, want) in [
            ("postgres://h", "host=h"),
            ("postgresql://u@h/d", "user=u dbname=d host=h"),
            (
                "postgres://u:p%40:w@h:7/d",
                "user=u password=p@:w dbname=d host=h port=7",
            ),
            ("postgres://a:1,b,[::1]:3/", "host=a,b,::1 port=1,,3"),
            ("postgres:///d?host=%2Frun", "dbname=d host=/run"),
            (
                "postgres://h?ssl=true&connect_timeout=3",
                "host=h sslmode=require connect_timeout=3",
            ),
            ("postgres://", ""),
        ] {
            let read = pairs(after_scheme(url).unwrap()).unwrap();
            let read: Vec<String> = read
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            assert_eq!(read.join(" "), want, "{url}");
        }
    }

    #[test]
    fn broken_urls_are_refused_without_being_repeated() {
        for text in [
            "u:hunter2%4@h",
            "u:hunter2@[::1",
            "u:hunter2@[::1]5",
            "h?hunter2",
            "%00@h",
        ] {
            let error = pairs(text).unwrap_err().to_string();
            assert!(
                !error.contains("hunter2") && error.contains("percent"),
                "{error}"
            );
        }
    }
}
