//! Identities: what the authority issues is accepted for what it is meant for, and for nothing
//! else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use pga_cluster::pki::{
    CertificateAuthority, ClusterKey, Identity, JoinAnswer, JoinBundle, JoinRequest, PkiError,
    Validity, is_for_name, join_server_name, named_collector, node_server_name, not_after,
    renew_at, thumbprint,
};
use pga_cluster::{ClusterId, Member};
use pga_config::{CollectorId, NodeId};

fn authority(cluster: ClusterId) -> CertificateAuthority {
    CertificateAuthority::create(cluster, Validity::for_next(Validity::AUTHORITY)).unwrap()
}

fn member(id: u64) -> Member {
    Member {
        node: NodeId::new(id),
        quic: format!("127.0.0.1:{}", 7080 + id),
        http: format!("http://127.0.0.1:{}", 8080 + id),
    }
}

#[test]
fn names_in_certificates_say_who_is_who() {
    let ca = authority(ClusterId::random());
    let validity = Validity::for_next(Validity::NODE);
    let node = ca.issue_node(NodeId::new(3), validity).unwrap();
    let join = ca.issue_join([7; 16], validity).unwrap();
    let id = CollectorId::from_external("c");
    let collector = ca.issue_collector(id, "node-3.cluster", validity).unwrap();
    let https = ca
        .issue_https(&["db1.example".into(), "127.0.0.1".into()], validity)
        .unwrap();

    let node_3 = node_server_name(NodeId::new(3));
    assert!(is_for_name(node.certificate(), &node_3));
    assert!(!is_for_name(
        node.certificate(),
        &node_server_name(NodeId::new(33))
    ));
    assert!(is_for_name(join.certificate(), &join_server_name([7; 16])));
    assert!(is_for_name(https.certificate(), "127.0.0.1"));
    for (what, other) in [
        ("join", &join),
        ("collector", &collector),
        ("https", &https),
    ] {
        assert!(!is_for_name(other.certificate(), &node_3), "{what}");
    }
    assert_eq!(named_collector(collector.certificate()), Some(id));
    assert_eq!(named_collector(node.certificate()), None);
    for reserved in [
        "node-3.cluster",
        "NODE-3.CLUSTER",
        "x.cluster.",
        "x.Collector",
    ] {
        let refused = ca.issue_https(&[reserved.into()], validity);
        assert!(matches!(refused, Err(PkiError::Name { .. })), "{reserved}");
    }
}

#[test]
fn a_certificate_tells_when_it_ends() {
    let validity = Validity::for_next(Duration::from_secs(3_600));
    let node = authority(ClusterId::random())
        .issue_node(NodeId::new(1), validity)
        .unwrap();
    let end = not_after(node.certificate()).unwrap();
    assert_eq!(
        end.micros() / 1_000_000,
        validity.not_after.micros() / 1_000_000
    );
    assert!(not_after(&vec![1, 2, 3].into()).is_err());
    let renewal = renew_at(node.certificate()).unwrap();
    assert_eq!((end.micros() - renewal.micros()) / 1_000_000, 1_200);
    assert!(renew_at(&vec![1, 2, 3].into()).is_err());
}

#[test]
fn an_authority_restored_from_its_key_issues_under_the_same_root() {
    let cluster = ClusterId::random();
    let ca = authority(cluster);
    let root = ca.certificate().clone();
    let restored = CertificateAuthority::restore(cluster, root.clone(), ca.key_der()).unwrap();
    let leaf = restored
        .issue_node(NodeId::new(2), Validity::for_next(Validity::NODE))
        .unwrap();

    let longer = Validity::for_next(2 * Validity::NODE);
    let renewed = restored.renew_node(NodeId::new(2), &leaf, longer).unwrap();
    assert_eq!(renewed.key_der(), leaf.key_der());
    assert!(renewed.not_after().unwrap() > leaf.not_after().unwrap());

    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .unwrap();
    let now = rustls::pki_types::UnixTime::now();
    for good in [&leaf, &renewed] {
        verifier
            .verify_client_cert(good.certificate(), &[], now)
            .unwrap();
    }

    let other = authority(cluster);
    let refused = CertificateAuthority::restore(cluster, root, other.key_der());
    assert!(matches!(refused, Err(PkiError::KeyMismatch)));
    let stranger = other
        .issue_node(NodeId::new(2), Validity::for_next(Validity::NODE))
        .unwrap();
    assert!(
        verifier
            .verify_client_cert(stranger.certificate(), &[], now)
            .is_err()
    );
}

#[test]
fn identities_survive_their_files_and_exposed_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = (
        dir.path().join("pki/node.pem"),
        dir.path().join("pki/node.key"),
    );
    let node = authority(ClusterId::random())
        .issue_node(NodeId::new(1), Validity::for_next(Validity::NODE))
        .unwrap();
    node.write(&chain, &key).unwrap();
    let read = Identity::read(&chain, &key).unwrap();
    assert_eq!(read.chain(), node.chain());
    assert_eq!(read.key_der(), node.key_der());
    assert_eq!(read.thumbprint(), thumbprint(node.certificate()));

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(
        Identity::read(&chain, &key),
        Err(PkiError::Exposed { .. })
    ));
}

#[test]
fn a_join_token_is_one_line_that_debug_does_not_show() {
    let cluster = ClusterId::random();
    let ca = authority(cluster);
    let validity = Validity::for_next(Validity::JOIN);
    let bundle = JoinBundle {
        cluster,
        authority: ca.certificate().clone(),
        identity: ca.issue_join([9; 16], validity).unwrap(),
        token: [9; 16],
        members: vec![member(1), member(2)],
        expires_at: validity.not_after,
    };
    let text = bundle.to_text().unwrap();
    assert!(text.starts_with("pgajoin1.") && !text.contains(char::is_whitespace));
    let read: JoinBundle = format!(" {text}\n").parse().unwrap();
    assert_eq!(read.cluster, cluster);
    assert_eq!(read.members, bundle.members);
    assert_eq!(read.token, [9; 16]);
    assert_eq!(read.identity.key_der(), bundle.identity.key_der());
    assert!(!read.is_expired());

    let shown = format!("{bundle:?}");
    assert!(
        !shown.contains("key") && !shown.contains("token"),
        "{shown}"
    );
    for bad in [
        "",
        "pgajoin2.AA",
        "pgajoin1.",
        "pgajoin1.!!",
        &text[..text.len() / 2],
    ] {
        assert!(bad.parse::<JoinBundle>().is_err(), "{bad:?}");
    }
}

#[test]
fn join_messages_come_back_as_they_were() {
    let cluster = ClusterId::random();
    let ca = authority(cluster);
    let request = JoinRequest {
        quic: "10.0.0.4:7080".into(),
        http: "https://10.0.0.4".into(),
        feature_level: pga_cluster::FeatureLevel::CURRENT,
    };
    assert_eq!(
        JoinRequest::decode(&request.encode().unwrap()).unwrap(),
        request
    );
    let answer = JoinAnswer {
        node: NodeId::new(4),
        identity: ca
            .issue_node(NodeId::new(4), Validity::for_next(Validity::NODE))
            .unwrap(),
        authority: ca.certificate().clone(),
        cluster_key: ClusterKey::random().unwrap(),
        cluster,
        members: vec![member(1)],
    };
    let read = JoinAnswer::decode(&answer.encode().unwrap()).unwrap();
    assert_eq!(read.node, answer.node);
    assert_eq!(read.cluster_key, answer.cluster_key);
    assert_eq!(read.members, answer.members);
    assert_eq!(read.identity.key_der(), answer.identity.key_der());
    assert!(JoinAnswer::decode(b"nonsense").is_err());
}
