//! Configurations without their passwords.

/// What keys of secrets have in their names, also in what was commented out.
const SECRETS: [&str; 4] = ["password", "passwd", "secret", "token"];

/// A configuration without its passwords: values of keys that are named so, and those in URLs.
pub(super) fn masked(text: &str) -> String {
    let mask = |line: &str| match line.split_once('=') {
        Some((key, value)) if is_secret(key) => {
            let end = if value.ends_with('\n') { "\n" } else { "" };
            format!("{key}= \"***\"{end}")
        }
        _ => without_userinfo(line),
    };
    text.split_inclusive('\n').map(mask).collect()
}

/// Whether a key is one of a secret, by its name.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRETS.iter().any(|name| key.contains(name))
}

/// A line in which `://user:password@` has no password (RFC 3986, 3.2.1).
pub(super) fn without_userinfo(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = behind
            .find(|c: char| c.is_whitespace() || "/?#\"'".contains(c))
            .unwrap_or(behind.len());
        let (authority, tail) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let hidden = authority.rsplit_once('@').and_then(|(userinfo, host)| {
            let (user, _) = userinfo.split_once(':')?;
            Some(format!("{user}:***@{host}"))
        });
        out.push_str(hidden.as_deref().unwrap_or(authority));
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_and_lines_end_as_they_did() {
        for (text, want) in [
            ("a = 1\npassword = \"x\"\n", "a = 1\npassword = \"***\"\n"),
            ("password=\"x\"", "password= \"***\""),
            (
                "# old_password = \"x\"\nb = 2",
                "# old_password = \"***\"\nb = 2",
            ),
            (
                "url = \"postgres://u:p@h/db\" # https://h/x://u:p@i",
                "url = \"postgres://u:***@h/db\" # https://h/x://u:***@i",
            ),
            ("url = \"https://u@h/\"", "url = \"https://u@h/\""),
            ("a = 1", "a = 1"),
            ("", ""),
        ] {
            assert_eq!(masked(text), want);
        }
    }
}
