//! `key=value` connection strings.

use crate::ConnectError;

const FIX: &str = "write key=value pairs, with values that hold spaces in single quotes";

/// The pairs of a connection string, in their order.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, ConnectError> {
    let mut rest = text.trim_start();
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else {
            return Err(syntax("a keyword without \"=\""));
        };
        let key = key.trim_end();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(syntax("a keyword without \"=\""));
        }
        let (value, after) = value(after.trim_start())?;
        pairs.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// One value and what follows it.
fn value(text: &str) -> Result<(String, &str), ConnectError> {
    let (text, is_quoted) = match text.strip_prefix('\'') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        let before = chars.as_str();
        match chars.next() {
            Some('\\') => value.extend(chars.next()),
            Some('\'') if is_quoted => return Ok((value, chars.as_str())),
            Some(c) if !is_quoted && c.is_whitespace() => return Ok((value, before)),
            Some(c) => value.push(c),
            None if is_quoted => return Err(syntax("a quoted value without its end")),
            None => return Ok((value, "")),
        }
    }
}

fn syntax(problem: &str) -> ConnectError {
    ConnectError::Syntax {
        problem: problem.to_owned(),
        fix: FIX,
    }
}

#[cfg(test)]
mod tests {
    use super::pairs;

    #[test]
    fn values_may_be_quoted_and_escaped() {
        for (name, text, want) in [
            ("plain", "host=h port=5", vec![("host", "h"), ("port", "5")]),
            (
                "spaces",
                " host = h  port= 5 ",
                vec![("host", "h"), ("port", "5")],
            ),
            (
                "quotes",
                r"password='a b\'c\\' user=u",
                vec![("password", r"a b'c\"), ("user", "u")],
            ),
            ("escape", r"user=a\ b", vec![("user", "a b")]),
            ("empty", "user='' host=h", vec![("user", ""), ("host", "h")]),
            ("nothing", "", vec![]),
        ] {
            let read = pairs(text).unwrap();
            let read: Vec<(&str, &str)> = read
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect();
            assert_eq!(read, want, "{name}");
        }
    }

    #[test]
    fn broken_text_is_refused_without_being_repeated() {
        for text in ["hunter2", "password='hunter2", "host h=hunter2", "=hunter2"] {
            let error = pairs(text).unwrap_err().to_string();
            assert!(
                !error.contains("hunter2") && error.contains("key=value"),
                "{error}"
            );
        }
    }
}
