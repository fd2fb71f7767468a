//! Password files (`.pgpass`): who logs in where with what.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The password of the first line that matches, from a file only its owner can read.
///
/// As in libpq, a missing file is no mistake, and one that others can read is left alone.
pub(crate) fn look_up(path: &Path, wanted: [&str; 4]) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    let problem = if !metadata.is_file() {
        "it is not a plain file"
    } else if metadata.permissions().mode() & 0o077 != 0 {
        "others can read or write it; make its mode 0600"
    } else {
        return matching(&std::fs::read_to_string(path).ok()?, wanted);
    };
    tracing::warn!(passfile = %path.display(), problem, "the password file is not used");
    None
}

/// `wanted` is host, port, database and user.
fn matching(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| password(line, wanted))
}

fn password(line: &str, wanted: [&str; 4]) -> Option<String> {
    let mut rest = line;
    for want in wanted {
        let (field, after) = field(rest)?;
        // An escaped asterisk is no wildcard.
        let raw = rest.get(..rest.len() - after.len() - 1)?;
        if raw != "*" && field != want {
            return None;
        }
        rest = after;
    }
    // What follows a further colon is for later versions.
    Some(field(rest).map_or_else(|| unescape(rest), |(password, _)| password))
}

/// The text up to the next bare colon, unescaped, and what follows the colon.
fn field(text: &str) -> Option<(String, &str)> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ':' => {
                let (field, after) = text.split_at_checked(at)?;
                return Some((unescape(field), after.strip_prefix(':')?));
            }
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' {
            chars.next().unwrap_or(c)
        } else {
            c
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{look_up, matching};

    #[test]
    fn the_first_matching_line_counts() {
        let wanted = ["h", "5432", "d:b", "u"];
        for (name, text, want) in [
            ("exact", r"h:5432:d\:b:u:secret", Some("secret")),
            ("wildcards", "*:*:*:*:secret", Some("secret")),
            ("first", "*:*:*:u:one\n*:*:*:*:two", Some("one")),
            ("other user", "*:*:*:v:one\n*:*:*:*:two", Some("two")),
            ("comment", "#*:*:*:*:one\n*:*:*:*:two", Some("two")),
            ("escapes", r"*:*:*:*:a\:b\\c", Some(r"a:b\c")),
            ("further field", "*:*:*:*:one:two", Some("one")),
            ("escaped asterisk", r"\*:*:*:*:one", None),
            ("part of a name", "hh:*:*:*:one", None),
            ("too short", "*:*:*:one", None),
            ("empty", "", None),
        ] {
            assert_eq!(matching(text, wanted).as_deref(), want, "{name}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        for (mode, want) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let found = look_up(&path, ["h", "1", "d", "u"]).is_some();
            assert_eq!(found, want, "{mode:o}");
        }
        assert_eq!(look_up(directory.path(), ["h", "1", "d", "u"]), None);
        assert_eq!(
            look_up(&directory.path().join("none"), ["h", "1", "d", "u"]),
            None
        );
    }
}
