//! Service files: named groups of settings (`pg_service.conf`).

use std::path::{Path, PathBuf};

use crate::{ConnectError, Environment};

/// The settings of `service`, from the user's file or the system's.
///
/// `key` is where the name stands: `service` or `PGSERVICE`.
pub(crate) fn read(
    key: &str,
    service: &str,
    named_file: Option<&str>,
    environment: &Environment,
) -> Result<Vec<(String, String)>, ConnectError> {
    let named = named_file
        .or_else(|| environment.get("PGSERVICEFILE"))
        .map(PathBuf::from);
    if let Some(path) = &named
        && !path.is_file()
    {
        let shown = path.display().to_string();
        return Err(ConnectError::setting(
            "PGSERVICEFILE",
            shown,
            "no such file",
            "name a file",
        ));
    }
    let of_user = named.or_else(|| environment.at_home(".pg_service.conf"));
    let of_system = environment
        .get("PGSYSCONFDIR")
        .map(|directory| PathBuf::from(directory).join("pg_service.conf"));
    for path in of_user
        .into_iter()
        .chain(of_system)
        .filter(|path| path.is_file())
    {
        let text = std::fs::read_to_string(&path).map_err(|error| bad(&path, error.to_string()))?;
        if let Some(settings) = group(&text, service).map_err(|problem| bad(&path, problem))? {
            return Ok(settings);
        }
    }
    Err(ConnectError::setting(
        key,
        service,
        "no service file has it",
        format!("add [{service}] to ~/.pg_service.conf or the file of PGSERVICEFILE"),
    ))
}

fn bad(path: &Path, problem: String) -> ConnectError {
    let shown = path.display().to_string();
    ConnectError::setting(
        "service file",
        shown,
        problem,
        "write key=value lines below [name]",
    )
}

/// The settings below `[service]`; `None` if there is no such group.
fn group(text: &str, service: &str) -> Result<Option<Vec<(String, String)>>, String> {
    let mut found = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if name.strip_suffix(']') == Some(service) {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(settings) = &mut found else { continue };
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| format!("line {number} is not key=value"))?;
        if key == "service" {
            return Err(format!("line {number} names a service inside a service"));
        }
        settings.push((key.to_owned(), value.to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::group;

    const FILE: &str =
        "# all\n[a]\nhost=h\n  port=5 \n\n[b]\npassword=x=y #z\n[c]\nbroken\n[d]\nservice=a\n";

    #[test]
    fn a_group_ends_where_the_next_begins() {
        for (service, want) in [
            ("a", Some("host=h port=5")),
            ("b", Some("password=x=y #z")),
            ("none", None),
        ] {
            let read = group(FILE, service).unwrap().map(|settings| {
                let pairs: Vec<String> = settings
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                pairs.join(" ")
            });
            assert_eq!(read.as_deref(), want, "{service}");
        }
        for (service, want) in [
            ("c", "line 9 is not key=value"),
            ("d", "line 11 names a service"),
        ] {
            let error = group(FILE, service).unwrap_err();
            assert!(error.starts_with(want), "{error}");
        }
    }
}
