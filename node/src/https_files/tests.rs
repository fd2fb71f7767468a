//! Files that are replaced under a server, with real connections to it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use pga_cluster::ClusterId;
use pga_cluster::pki::{CertificateAuthority, Validity};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

fn authority() -> CertificateAuthority {
    CertificateAuthority::create(ClusterId::random(), Validity::for_next(Validity::AUTHORITY))
        .unwrap()
}

fn issue(authority: &CertificateAuthority) -> Identity {
    let names = ["localhost".to_owned()];
    let validity = Validity::for_next(Duration::from_secs(3_600));
    authority.issue_https(&names, validity).unwrap()
}

fn files(dir: &Path, in_use: Identity) -> Files {
    let (certificate, key) = (dir.join("http.pem"), dir.join("http.key"));
    in_use.write(&certificate, &key).unwrap();
    Files {
        certificate,
        key,
        in_use,
        collectors: None,
        failure: None,
    }
}

#[test]
fn a_pair_that_does_not_fit_is_told_at_its_second_look_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority();
    let mut files = files(dir.path(), issue(&authority));
    assert!(matches!(files.look(), Look::Nothing));

    let next = issue(&authority);
    fs::write(&files.certificate, next.chain_pem()).unwrap();
    assert!(matches!(files.look(), Look::Nothing), "the key may come");
    assert!(matches!(files.look(), Look::Failed(_)));
    assert!(matches!(files.look(), Look::Nothing), "it was told");
    fs::write(&files.key, next.key_pem()).unwrap();
    assert!(matches!(files.look(), Look::Renewed(..)));
    assert_eq!(files.in_use.thumbprint(), next.thumbprint());

    fs::write(&files.certificate, "no certificate").unwrap();
    assert!(matches!(files.look(), Look::Nothing));
    let Look::Failed(why) = files.look() else {
        panic!("a broken file is not told");
    };
    assert!(why.contains("certificate"), "{why}");
    fs::write(&files.certificate, next.chain_pem()).unwrap();
    assert!(
        matches!(files.look(), Look::Nothing),
        "it is the one in use"
    );
}

/// Answers each byte with the same byte.
async fn echo(live: Live<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    pga_runtime::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(live.now());
            pga_runtime::spawn(async move {
                let mut tls = acceptor.accept(tcp).await.unwrap();
                let mut byte = [0];
                while tls.read_exact(&mut byte).await.is_ok() {
                    tls.write_all(&byte).await.unwrap();
                }
            });
        }
    });
    addr
}

async fn connect(addr: SocketAddr, root: &CertificateDer<'static>) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client))
        .connect(name, tcp)
        .await
        .unwrap()
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

async fn works(stream: &mut TlsStream<TcpStream>) {
    let mut byte = [0];
    stream.write_all(b"x").await.unwrap();
    stream.read_exact(&mut byte).await.unwrap();
}

#[tokio::test]
async fn new_connections_see_the_new_certificate_and_open_ones_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let authority = authority();
    let root = authority.certificate().clone();
    let first = issue(&authority);
    let files = files(dir.path(), first.clone());
    let (certificate, key) = (files.certificate.clone(), files.key.clone());
    let (tls, not_after) = tls_of(&first, None).unwrap();
    let sender = watch::Sender::new(tls);
    let live = Live::of(&sender);
    let metrics = HttpsMetrics::register(&Registry::new(), not_after).unwrap();
    let loads = metrics.loads.clone();
    let addr = echo(live).await;
    let mut open = connect(addr, &root).await;
    works(&mut open).await;
    assert_eq!(shown(&open), *first.certificate());

    tokio::time::pause();
    pga_runtime::spawn(follow(files, sender, metrics));
    let next = issue(&authority);
    next.write(&certificate, &key).unwrap();
    let loaded = loads.with_label_values(&["loaded"]);
    while loaded.get() == 0 {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::resume();

    works(&mut open).await;
    let mut new = connect(addr, &root).await;
    works(&mut new).await;
    assert_eq!(shown(&new), *next.certificate());
    assert_eq!(loads.with_label_values(&["failed"]).get(), 0);
}
