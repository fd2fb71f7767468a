use super::*;

fn target(text: &str, environment: &[(&str, &str)]) -> Result<Target, ConnectError> {
    let user = [("USER", "me")];
    Target::parse(text, &user.iter().chain(environment).copied().collect())
}

#[test]
fn strings_urls_and_the_environment_make_a_target() {
    for (text, environment, want) in [
        ("host=h", &[][..], "postgres://me@h:5432/me?sslmode=prefer"),
        (
            "postgres://u:p@h/d",
            &[],
            "postgres://u@h:5432/d?sslmode=prefer",
        ),
        (
            "host=a,b port=1,2 dbname=d",
            &[],
            "postgres://me@a:1,b:2/d?sslmode=prefer",
        ),
        (
            "host=a,b port=7",
            &[],
            "postgres://me@a:7,b:7/me?sslmode=prefer",
        ),
        (
            "hostaddr=::1 sslmode=require",
            &[],
            "postgres://me@[::1]:5432/me?sslmode=require",
        ),
        (
            "",
            &[
                ("PGHOST", "e"),
                ("PGPORT", "9"),
                ("PGUSER", "v"),
                ("PGSSLMODE", "disable"),
            ],
            "postgres://v@e:9/v?sslmode=disable",
        ),
        (
            "user=u sslmode=allow",
            &[("PGHOST", "e"), ("PGUSER", "v"), ("PGSSLMODE", "disable")],
            "postgres://u@e:5432/u?sslmode=allow",
        ),
        (
            "postgres://a,b/d?target_session_attrs=prefer-standby",
            &[],
            "postgres://me@a:5432,b:5432/d?sslmode=prefer&target_session_attrs=prefer-standby",
        ),
    ] {
        assert_eq!(
            target(text, environment).unwrap().to_string(),
            want,
            "{text}"
        );
    }
}

#[test]
fn a_service_stands_between_the_text_and_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("services");
    std::fs::write(&path, "[s]\nhost=service\nport=6\nuser=s\n").unwrap();
    let path = path.to_str().unwrap();
    for (text, service) in [("service=s port=5", "other"), ("port=5", "s")] {
        let environment = [
            ("PGSERVICEFILE", path),
            ("PGSERVICE", service),
            ("PGUSER", "e"),
            ("PGDATABASE", "d"),
        ];
        let shown = target(text, &environment).unwrap().to_string();
        assert_eq!(shown, "postgres://s@service:5/d?sslmode=prefer", "{text}");
    }
    let error = target("service=none", &[("PGSERVICEFILE", path)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("service=none") && error.contains("add [none]"),
        "{error}"
    );
}

type Mistake = (
    &'static str,
    &'static [(&'static str, &'static str)],
    [&'static str; 2],
);

/// Text, environment, and what the error has to say.
const MISTAKES: &[Mistake] = &[
    (
        "host=h sslmode=maybe",
        &[],
        ["sslmode=maybe", "use one of disable"],
    ),
    (
        "host=h",
        &[("PGSSLMODE", "maybe")],
        ["PGSSLMODE=maybe", "use one of disable"],
    ),
    (
        "host=h port=x",
        &[],
        ["port=x", "use a number from 1 to 65535"],
    ),
    (
        "host=h port=0",
        &[],
        ["port=0", "use a number from 1 to 65535"],
    ),
    ("host=h port=1,2", &[], ["port=1,2", "one a host"]),
    (
        "host=a,b hostaddr=::1",
        &[],
        ["hostaddr=::1", "as many addresses as hosts"],
    ),
    ("hostaddr=name", &[], ["hostaddr=name", "use an IP address"]),
    ("user=u", &[], ["host=", "PGHOST"]),
    (
        "host=h connect_timeout=soon",
        &[],
        ["connect_timeout=soon", "whole number"],
    ),
    (
        "host=h target_session_attrs=best",
        &[],
        ["target_session_attrs=best", "standby"],
    ),
    (
        "host=h sslmode=verify-ca",
        &[],
        ["sslmode=verify-ca", "sslrootcert=system"],
    ),
    (
        "host=h sslmode=require sslrootcert=system",
        &[],
        ["sslmode=require", "use verify-full"],
    ),
    (
        "host=h sslnegotiation=direct",
        &[],
        ["sslnegotiation=direct", "sslmode=require"],
    ),
    ("host=h sslcrl=f", &[], ["sslcrl=***", "leave it out"]),
    (
        "host=h pasword=hunter2",
        &[],
        ["pasword=***", "check its spelling"],
    ),
    (
        "postgres://u:hunter2@h:port/d",
        &[],
        ["port=port", "use a number"],
    ),
];

#[test]
fn mistakes_name_the_key_the_value_and_the_fix_but_no_password() {
    for (text, environment, want) in MISTAKES {
        let text = format!("{text} password=hunter2").replace("/d password=hunter2", "/d");
        let error = target(&text, environment).unwrap_err();
        let shown = error.to_string();
        assert!(
            want.iter().all(|part| shown.contains(part)),
            "{text}: {shown}"
        );
        assert!(
            !format!("{error:?} {shown}").contains("hunter2"),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn neither_form_of_a_target_shows_the_password() {
    let target = target("postgres://u:hunter2@h/d", &[("PGPASSWORD", "hunter2")]).unwrap();
    assert!(
        !format!("{target:?} {target}").contains("hunter2"),
        "{target:?}"
    );
}

#[test]
fn each_host_has_its_own_password() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pgpass");
    std::fs::write(&path, "a:*:*:*:one\nb:6:d:me:two\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let passfile = [("PGPASSFILE", path.to_str().unwrap())];
    for (text, want) in [
        (
            "host=a,b,c port=6 dbname=d",
            [Some("one"), Some("two"), None],
        ),
        ("host=a,b,c port=6 dbname=d password=x", [Some("x"); 3]),
    ] {
        let target = target(text, &passfile).unwrap();
        let passwords: Vec<Option<String>> = (target.hosts.iter())
            .map(|host| target.config(host).get_password().map(<[u8]>::to_vec))
            .map(|password| password.map(|bytes| String::from_utf8(bytes).unwrap()))
            .collect();
        assert_eq!(
            passwords,
            want.map(|word| word.map(str::to_owned)),
            "{text}"
        );
    }
}

#[test]
fn files_are_checked_before_the_first_connection() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("crt"), made.cert.pem()).unwrap();
    std::fs::write(path("key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(path("text"), "no PEM").unwrap();
    for (name, mode, root, want) in [
        ("good", 0o600, "crt", None),
        ("open key", 0o644, "crt", Some("make its mode 0600")),
        ("no root", 0o600, "none", Some("sslrootcert=")),
        ("bad root", 0o600, "text", Some("no certificate in it")),
    ] {
        std::fs::set_permissions(path("key"), std::fs::Permissions::from_mode(mode)).unwrap();
        let (root, crt, key) = (path(root), path("crt"), path("key"));
        let text = format!("host=h sslrootcert={root} sslcert={crt} sslkey={key}");
        let checked = target(&text, &[]).unwrap().check_files();
        let error = checked.err().map(|error| error.to_string());
        match want {
            None => assert_eq!(error, None, "{name}"),
            Some(want) => assert!(
                error.as_ref().is_some_and(|e| e.contains(want)),
                "{name}: {error:?}"
            ),
        }
    }
}
