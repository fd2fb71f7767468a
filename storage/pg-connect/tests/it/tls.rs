//! `sslmode` and certificates, with TLS on and off at the server.

use std::os::unix::fs::PermissionsExt;

use crate::certificates::Certificates;
use crate::server::{Server, connect, value};

const CONF: &str = "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n\
                    ssl_ca_file = 'root.crt'\n";
const HBA: &str = "hostssl all encrypted 127.0.0.1/32 trust\n\
                   hostnossl all open 127.0.0.1/32 trust\n\
                   hostssl all client 127.0.0.1/32 cert\n\
                   host all secret 127.0.0.1/32 scram-sha-256\n\
                   host all postgres 127.0.0.1/32 trust\n";
const ROLES: &str = "CREATE ROLE encrypted LOGIN; CREATE ROLE open LOGIN; CREATE ROLE client LOGIN; \
                     CREATE ROLE secret LOGIN PASSWORD 'hunter2'";
const IS_ENCRYPTED: &str = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// OTHER, ROOT and OWN stand for a foreign authority, the server's, and its own certificate.
const WITH_TLS: [(&str, &str); 20] = [
    (
        "host=localhost user=encrypted sslmode=disable",
        "pg_hba.conf",
    ),
    ("host=localhost user=encrypted sslmode=allow", "true"),
    ("host=localhost user=encrypted sslmode=prefer", "true"),
    ("host=localhost user=encrypted sslmode=require", "true"),
    (
        "host=localhost user=encrypted sslmode=require sslnegotiation=direct",
        "true",
    ),
    ("host=localhost user=open sslmode=disable", "false"),
    ("host=localhost user=open sslmode=allow", "false"),
    ("host=localhost user=open sslmode=prefer", "false"),
    ("host=localhost user=open sslmode=require", "28000"),
    ("host=localhost user=postgres sslmode=prefer OTHER", "false"),
    (
        "host=localhost user=postgres sslmode=require OTHER",
        "check sslrootcert",
    ),
    ("host=127.0.0.1 user=postgres sslmode=require ROOT", "true"),
    (
        "host=127.0.0.1 user=postgres sslmode=verify-ca ROOT",
        "true",
    ),
    (
        "host=127.0.0.1 user=postgres sslmode=verify-ca OTHER",
        "check sslrootcert",
    ),
    (
        "host=localhost user=postgres sslmode=verify-full ROOT",
        "true",
    ),
    (
        "host=127.0.0.1 user=postgres sslmode=verify-full ROOT",
        "not valid for name",
    ),
    (
        "host=localhost hostaddr=127.0.0.1 user=postgres sslmode=verify-full ROOT",
        "true",
    ),
    (
        "host=localhost user=postgres sslmode=verify-full OWN",
        "true",
    ),
    (
        "host=127.0.0.1 user=postgres sslmode=verify-full OWN",
        "not valid for name",
    ),
    (
        "host=localhost user=postgres sslrootcert=system",
        "check sslrootcert",
    ),
];

fn server(certificates: &Certificates) -> Server {
    certificates.sign("server", &["localhost"]);
    Server::new(&[
        ("postgresql.conf", CONF),
        ("pg_hba.conf", HBA),
        ("server.crt", &certificates.text("server.crt")),
        ("server.key", &certificates.text("server.key")),
        ("root.crt", &certificates.text("root.crt")),
    ])
}

/// Opens each session and says whether it is encrypted, or what is wrong.
async fn check(server: &Server, rows: &[(&str, &str)]) {
    for (text, want) in rows {
        let full = format!("port={} dbname=postgres {text}", server.port());
        let got = match connect(&full).await {
            Ok(connected) => value(connected, IS_ENCRYPTED).await,
            Err(error) => error.to_string(),
        };
        assert!(got.contains(want), "{text}: {got}, not {want}");
        assert!(!got.contains("hunter"), "{text}: {got}");
    }
}

#[tokio::test]
async fn each_mode_does_what_libpq_does_with_tls_on() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let server = server(&ours);
    server.run(ROLES).await;
    let root = format!("sslrootcert={}", ours.path("root.crt").display());
    let other = format!("sslrootcert={}", others.path("root.crt").display());
    let own = format!("sslrootcert={}", ours.path("server.crt").display());
    let rows = WITH_TLS.map(|(text, want)| {
        let text = text.replace("OTHER", &other).replace("ROOT", &root);
        (text.replace("OWN", &own), want)
    });
    let rows: Vec<(&str, &str)> = rows
        .iter()
        .map(|(text, want)| (text.as_str(), *want))
        .collect();
    check(&server, &rows).await;
}

#[tokio::test]
async fn clients_prove_themselves_with_a_certificate_or_the_password_file() {
    let ours = Certificates::new();
    let server = server(&ours);
    server.run(ROLES).await;
    ours.sign("client", &[]);
    let passfile = ours.path("pgpass");
    std::fs::write(&passfile, "localhost:*:postgres:secret:hunter2\n").unwrap();
    std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(0o600)).unwrap();
    let files = format!(
        "sslcert={} sslkey={}",
        ours.path("client.crt").display(),
        ours.path("client.key").display()
    );
    let with_file = format!("user=secret passfile={}", passfile.display());
    check(
        &server,
        &[
            (
                &format!("host=localhost user=client sslmode=require {files}"),
                "true",
            ),
            ("host=localhost user=client sslmode=require", "28000"),
            (
                &format!("host=localhost {with_file} sslmode=disable"),
                "false",
            ),
            (
                &format!("host=localhost {with_file} sslmode=require"),
                "true",
            ),
            (
                &format!("host=127.0.0.1 {with_file}"),
                "add a line to the passfile",
            ),
            (
                "host=localhost user=secret password=hunter3",
                "check user and password",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_mode_does_what_libpq_does_with_tls_off() {
    let server = Server::new(&[]);
    check(
        &server,
        &[
            ("host=localhost user=postgres sslmode=disable", "false"),
            ("host=localhost user=postgres sslmode=allow", "false"),
            ("host=localhost user=postgres sslmode=prefer", "false"),
            (
                "host=localhost user=postgres sslmode=require",
                "switch ssl on",
            ),
            ("host=localhost user=postgres", "false"),
        ],
    )
    .await;
}
