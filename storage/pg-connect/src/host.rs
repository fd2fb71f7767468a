//! Where a server may be.

use std::fmt;
use std::net::IpAddr;

use crate::ConnectError;
use crate::settings::Settings;

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// One host of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// The name in the server's certificate and in the password file, or the directory of a
    /// socket.
    pub(crate) name: String,
    /// Where to connect to in place of the name's addresses.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Host {
    /// Whether it is the directory of a Unix socket, which has no TLS.
    pub(crate) fn is_socket(&self) -> bool {
        self.name.starts_with('/') && self.address.is_none()
    }

    /// Whether it is this machine, as far as its name says.
    pub(crate) fn is_local(&self) -> bool {
        let address = self.address.or_else(|| self.name.parse().ok());
        match address {
            Some(address) => address.is_loopback(),
            None => self.is_socket() || self.name == "localhost",
        }
    }

    /// The hosts that `settings` name, in their order.
    pub(crate) fn all(settings: &Settings) -> Result<Vec<Self>, ConnectError> {
        let names = list(settings, "host");
        let addresses = list(settings, "hostaddr");
        let ports = list(settings, "port");
        let count = names.len().max(addresses.len());
        if count == 0 {
            let fix = "name a host, or the directory of the server's socket; PGHOST does it too";
            return Err(settings.bad("host", "no host is named", fix));
        }
        if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
            let fix = "name as many addresses as hosts";
            return Err(settings.bad("hostaddr", "it does not match host", fix));
        }
        if ports.len() > 1 && ports.len() != count {
            return Err(settings.bad("port", "it does not match host", "name one, or one a host"));
        }
        let host = |at: usize| {
            let of = |list: &[&str]| list.get(at).copied().unwrap_or_default().to_owned();
            let address: Option<IpAddr> = parse(settings, "hostaddr", &of(&addresses))?;
            let name = match (of(&names), address) {
                (name, Some(address)) if name.is_empty() => address.to_string(),
                (name, _) if name.is_empty() => "localhost".to_owned(),
                (name, _) => name,
            };
            let port = if ports.len() == 1 {
                ports.first()
            } else {
                ports.get(at)
            };
            let port = parse(settings, "port", port.copied().unwrap_or_default())?;
            match port.unwrap_or(PORT) {
                0 => Err(settings.bad("port", "not a port", "use a number from 1 to 65535")),
                port => Ok(Self {
                    name,
                    address,
                    port,
                }),
            }
        };
        (0..count).map(host).collect()
    }
}

fn list<'a>(settings: &'a Settings, name: &str) -> Vec<&'a str> {
    settings
        .get(name)
        .map_or_else(Vec::new, |value| value.split(',').map(str::trim).collect())
}

fn parse<T: std::str::FromStr>(
    settings: &Settings,
    name: &str,
    value: &str,
) -> Result<Option<T>, ConnectError> {
    if value.is_empty() {
        return Ok(None);
    }
    let fix = match name {
        "port" => "use a number from 1 to 65535",
        _ => "use an IP address, and host for a name",
    };
    value
        .parse()
        .map(Some)
        .map_err(|_| settings.bad(name, "it cannot be read", fix))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}
