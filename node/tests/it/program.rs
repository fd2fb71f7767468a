//! The built program, and a demo of it that ends with its test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pganalytics"))
        .args(args)
        .env_remove("PGANALYTICS_NODE__ID")
        .output()
        .unwrap()
}

/// A running demo.
pub(crate) struct Demo {
    child: Child,
    /// The line of `--json`.
    pub(crate) json: Value,
}

impl Demo {
    /// Starts a demo of `nodes` nodes in `dir`, and waits until it is ready.
    pub(crate) fn start(dir: &Path, nodes: u16) -> Self {
        let (http, quic) = (free_ports(nodes), free_ports(nodes));
        let mut child = Command::new(env!("CARGO_BIN_EXE_pganalytics"))
            .args(["demo", "--json", "--no-collector", "--dir"])
            .arg(dir)
            .args(["--nodes", &nodes.to_string()])
            .args(["--http-base-port", &http.to_string()])
            .args(["--quic-base-port", &quic.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let json = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        Self { child, json }
    }

    /// `host:port` of a node, from 0.
    pub(crate) fn http(&self, node: usize) -> String {
        let url = self.json["nodes"][node]["http"].as_str().unwrap();
        url.trim_start_matches("http://").to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
        self.child.wait().ok();
    }
}

/// One request over a connection of its own; the answer as text, head and body.
pub(crate) fn http(address: &str, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{head} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The first of `n` neighbouring ports that are free.
fn free_ports(n: u16) -> u16 {
    let is_free = |port: u16| {
        TcpListener::bind(("127.0.0.1", port)).is_ok()
            && UdpSocket::bind(("127.0.0.1", port)).is_ok()
    };
    loop {
        let first = 20_000 + pga_runtime::random::<u16>() % 30_000;
        if (first..first + n).all(is_free) {
            return first;
        }
    }
}
