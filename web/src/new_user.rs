//! What a user may be called, and what a password must have: the same over HTTP and from the
//! command line. Each check answers what to correct.

use rand::seq::IndexedRandom;

use crate::auth::ROLES;

/// Longest password, in bytes: a longer one costs time only.
const MAX_PASSWORD: usize = 1_024;
/// Shortest new password, in characters (contract 4.2).
const MIN_PASSWORD: usize = 8;
/// Longest texts of a user, in characters.
const MAX_TEXT: usize = 255;
/// Length of a password that is made up.
const TEMPORARY_PASSWORD: usize = 16;
/// Its letters: none that looks like another.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A password that is made up, to be shown once.
pub fn temporary_password() -> String {
    let mut rng = pga_runtime::rng();
    let letters = (0..TEMPORARY_PASSWORD).filter_map(|_| LETTERS.choose(&mut rng));
    letters.map(|letter| char::from(*letter)).collect()
}

/// Refuses a new password that is too short or too long.
///
/// # Errors
/// What to correct.
pub fn check_password(password: &str) -> Result<(), String> {
    check_length(password)?;
    if password.chars().count() < MIN_PASSWORD {
        return Err(format!(
            "the new password is shorter than {MIN_PASSWORD} characters"
        ));
    }
    Ok(())
}

/// Refuses a password that would only cost time.
pub(crate) fn check_length(password: &str) -> Result<(), String> {
    if password.len() > MAX_PASSWORD {
        return Err(format!("the password is longer than {MAX_PASSWORD} bytes"));
    }
    Ok(())
}

/// Refuses what is no user name.
///
/// # Errors
/// What to correct.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_good = (3..=MAX_TEXT).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if is_good {
        return Ok(());
    }
    let text = "username must have 3 to 255 characters, no control characters, and no space around";
    Err(text.to_owned())
}

/// Refuses what is no mail address. Whether there is such a mailbox, nobody can tell.
///
/// # Errors
/// What to correct.
pub fn check_email(email: &str) -> Result<(), String> {
    check_text("email", email)?;
    let is_good = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && !email.contains(char::is_whitespace);
    match is_good {
        true => Ok(()),
        false => Err(format!("email is {email:?}: write it as name@host")),
    }
}

/// Refuses a text that no line of a table can show.
///
/// # Errors
/// What to correct.
pub fn check_text(name: &str, text: &str) -> Result<(), String> {
    if text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(format!(
            "{name} must have at most {MAX_TEXT} characters, none of control"
        ));
    }
    Ok(())
}

/// Refuses what is no role.
pub(crate) fn check_role(role: &str) -> Result<(), String> {
    match ROLES.contains(&role) {
        true => Ok(()),
        false => Err(format!("role is {role:?}: use admin, user or viewer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_roles_are_checked() {
        for (name, want) in [
            ("ann", true),
            ("a", false),
            (" ann", false),
            ("an\nn", false),
        ] {
            assert_eq!(check_name(name).is_ok(), want, "{name:?}");
        }
        for (email, want) in [("a@b", true), ("a", false), ("a@", false), ("a b@c", false)] {
            assert_eq!(check_email(email).is_ok(), want, "{email:?}");
        }
        for (role, want) in [("admin", true), ("root", false), ("", false)] {
            assert_eq!(check_role(role).is_ok(), want, "{role:?}");
        }
    }

    #[test]
    fn a_made_up_password_is_a_good_one() {
        let (a, b) = (temporary_password(), temporary_password());
        assert_ne!(a, b);
        assert_eq!(a.len(), TEMPORARY_PASSWORD);
        assert_eq!(check_password(&a), Ok(()));
    }
}
