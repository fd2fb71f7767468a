//! The configuration file of one node.

use std::fmt::Write;
use std::path::Path;

use pga_config::Member;

use super::{NewCluster, https_host, listen_address, node_dir};

/// The text of `member`'s file.
pub(super) fn text(cluster: &NewCluster, member: &Member, is_first: bool) -> String {
    let made = node_dir(&cluster.dir, member.id);
    let data = cluster.data_dir.clone().unwrap_or(made);
    let mut text = format!(
        "# Node {id}. Every key: docs/configuration.md\n\n[node]\nid = {id}\ndata-dir = {data}\n",
        id = member.id.get(),
        data = quoted(&data),
    );
    if cluster.is_demo {
        text.push_str("demo = true\n");
    }
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line("\n[cluster]".to_owned());
    line(format!("bootstrap = {is_first}"));
    line(format!("members = [\n{}]", members(cluster)));
    line("\n[quic]".to_owned());
    let listen = listen_address(&member.quic);
    line(format!("listen = \"{listen}\""));
    if listen.to_string() != member.quic {
        line(format!("advertise = {:?}", member.quic));
    }
    line("\n[http]".to_owned());
    let authority = member.http.split("://").nth(1).unwrap_or_default();
    let listen = listen_address(authority.trim_end_matches('/'));
    line(format!("listen = \"{listen}\""));
    line(format!("advertise = {:?}", member.http));
    if https_host(&member.http).is_some() {
        line(format!(
            "tls-cert-file = {}",
            quoted(&data.join("pki/https.pem"))
        ));
        line(format!(
            "tls-key-file = {}",
            quoted(&data.join("pki/https.key"))
        ));
    }
    text.push_str(&tail(cluster, &data, is_first));
    text
}

/// The sections that do not depend on the member's addresses.
fn tail(cluster: &NewCluster, data: &Path, is_first: bool) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line("\n[store]".to_owned());
    if cluster.timescale.is_some() {
        line("kind = \"timescale\"".to_owned());
        line(format!(
            "timescale-url-file = {}",
            quoted(&data.join("timescale.url"))
        ));
    } else {
        line("kind = \"embedded\"".to_owned());
    }
    if is_first {
        line("\n[auth]".to_owned());
        line(format!(
            "admin-password-file = {}",
            quoted(&data.join("admin.password"))
        ));
        let secret = data.join("registration.secret");
        line(format!("registration-secret-file = {}", quoted(&secret)));
    }
    if cluster.is_demo {
        // Receivers of notifications on this machine may be tried out.
        line("\n[notify]\nallow-targets = \"127.0.0.0/8, ::1/128\"".to_owned());
    }
    line("\n[logging]".to_owned());
    if cluster.is_demo {
        line(format!("dir = {}", quoted(&data.join("logs"))));
    } else {
        line("format = \"json\"".to_owned());
    }
    text
}

/// The text of the file of a node that joined.
pub(crate) fn joined(
    own: &pga_cluster::Member,
    data: &Path,
    others: &[pga_cluster::Member],
) -> String {
    let (quic, http) = (&own.quic, &own.http);
    let quic_listen = listen_address(quic);
    let authority = http.split("://").nth(1).unwrap_or_default();
    let http_listen = listen_address(authority.trim_end_matches('/'));
    let mut text = format!(
        "# Node {id}. Every key: docs/configuration.md\n\n[node]\nid = {id}\ndata-dir = {data}\n\n\
         [quic]\nlisten = \"{quic_listen}\"\nadvertise = {quic:?}\n\n\
         [http]\nlisten = \"{http_listen}\"\nadvertise = {http:?}\n",
        id = own.node.get(),
        data = quoted(data),
    );
    if !http_listen.ip().is_loopback() {
        text.push_str("# tls-cert-file = \"…\"\n# tls-key-file = \"…\"\n");
    }
    // Whom it asks before it votes again after a loss.
    let known = others.iter().filter(|other| other.node != own.node);
    let known = known.chain([own]).map(|member| {
        format!(
            "  {{ id = {}, quic = {:?}, http = {:?} }},\n",
            member.node.get(),
            member.quic,
            member.http
        )
    });
    text.push_str(&format!(
        "\n[cluster]\nmembers = [\n{}]\n",
        known.collect::<String>()
    ));
    text
}

fn members(cluster: &NewCluster) -> String {
    let mut text = String::new();
    for member in &cluster.members {
        let line = writeln!(
            text,
            "  {{ id = {}, quic = {:?}, http = {:?} }},",
            member.id.get(),
            member.quic,
            member.http
        );
        debug_assert!(line.is_ok(), "writing into a string cannot fail");
    }
    text
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use pga_config::{Config, NodeId};

    use super::*;

    #[test]
    fn every_written_file_is_a_valid_configuration() {
        for (name, http, quic, timescale, is_demo) in [
            (
                "demo",
                "http://127.0.0.1:8081",
                "127.0.0.1:7081",
                None,
                true,
            ),
            (
                "tls demo",
                "https://127.0.0.1:8081",
                "127.0.0.1:7081",
                None,
                true,
            ),
            (
                "host names",
                "https://a.example:8080",
                "a.example:7080",
                None,
                false,
            ),
            (
                "shared",
                "https://10.0.0.1:8080",
                "10.0.0.1:7080",
                Some("postgres://u@h/d"),
                false,
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let cluster = NewCluster {
                dir: dir.path().join("c"),
                data_dir: None,
                members: vec![Member {
                    id: NodeId::new(1),
                    quic: quic.to_owned(),
                    http: http.to_owned(),
                }],
                timescale: timescale.map(str::to_owned),
                is_demo,
            };
            cluster.write().unwrap();
            let file = super::super::node_file(&cluster.dir, NodeId::new(1));
            let config = Config::load(&file, [], &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(config.advertised_http(), http, "{name}");
            assert_eq!(config.advertised_quic(), quic, "{name}");
            assert_eq!(config.has_tls(), http.starts_with("https"), "{name}");
            assert!(config.key_file().exists(), "{name}");
        }
    }
}
