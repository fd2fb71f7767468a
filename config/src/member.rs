//! The first members of a cluster.

use toml::Value;

use crate::NodeId;
use crate::setting::Setting;

/// One of the nodes a new cluster starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: NodeId,
    /// `host:port` at which the other nodes reach it over QUIC.
    pub quic: String,
    /// URL at which clients reach it.
    pub http: String,
}

/// The list in `cluster.members`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(pub Vec<Member>);

const WANT: &str =
    "write a list such as [{ id = 1, quic = \"10.0.0.1:7080\", http = \"https://10.0.0.1:8080\" }]";

impl Setting for Members {
    const KIND: &'static str = "list of members";

    fn read(value: &Value) -> Result<Self, String> {
        // Environment and flags bring text: the TOML of the list.
        if let Some(text) = value.as_str() {
            let table: toml::Table =
                toml::from_str(&format!("v = {text}")).map_err(|_| WANT.to_owned())?;
            return table
                .get("v")
                .map_or_else(|| Err(WANT.to_owned()), Self::of);
        }
        Self::of(value)
    }
}

impl Members {
    fn of(value: &Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| WANT.to_owned())?;
        list.iter().map(member).collect::<Result<_, _>>().map(Self)
    }
}

fn member(value: &Value) -> Result<Member, String> {
    let table = value.as_table().ok_or_else(|| WANT.to_owned())?;
    if let Some(key) = table
        .keys()
        .find(|key| !["id", "quic", "http"].contains(&key.as_str()))
    {
        return Err(format!("a member has no {key:?}: {WANT}"));
    }
    let field = |key: &str| {
        table
            .get(key)
            .ok_or_else(|| format!("{key:?} is missing: {WANT}"))
    };
    let member = Member {
        id: NodeId::read(field("id")?).map_err(|what| format!("id: {what}"))?,
        quic: String::read(field("quic")?).map_err(|what| format!("quic: {what}"))?,
        http: String::read(field("http")?).map_err(|what| format!("http: {what}"))?,
    };
    if !has_port(&member.quic) {
        return Err(format!(
            "quic {:?} has no port: write \"host:port\"",
            member.quic
        ));
    }
    if !member.http.starts_with("http://") && !member.http.starts_with("https://") {
        return Err(format!(
            "http {:?} is no URL: write \"https://host:port\"",
            member.http
        ));
    }
    Ok(member)
}

/// Whether `text` is `host:port`.
pub(crate) fn has_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0))
}
