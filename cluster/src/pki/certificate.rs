//! Reading certificates: names, thumbprints, expiry.

use std::time::Duration;

use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::PkiError;
use super::validity::CLOCK_SLACK;

/// Suffix of the names that the cluster itself gives out.
pub(super) const RESERVED_SUFFIX: &str = ".cluster";
/// Suffix of the names of collectors.
pub(super) const COLLECTOR_SUFFIX: &str = ".collector";

/// The name in a node's certificate: `node-<id>.cluster`.
pub fn node_server_name(node: NodeId) -> String {
    format!("node-{}{RESERVED_SUFFIX}", node.get())
}

/// The name in a join certificate: `join-<32 hex digits>.cluster`.
pub fn join_server_name(token: [u8; 16]) -> String {
    format!("join-{}{RESERVED_SUFFIX}", hex::encode(token))
}

/// The name in a collector's certificate: `<uuid>.collector`.
pub fn collector_name(collector: CollectorId) -> String {
    format!("{collector}{COLLECTOR_SUFFIX}")
}

/// The collector that a certificate names, if it names one. Says nothing about who signed it.
pub fn named_collector(certificate: &CertificateDer<'_>) -> Option<CollectorId> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    let mut names = parsed.valid_dns_names();
    let id = names.find_map(|name| name.strip_suffix(COLLECTOR_SUFFIX))?;
    Some(CollectorId::from_external(id))
}

/// SHA-256 of a certificate's DER: how certificates are named in the replicated state.
pub fn thumbprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Whether the subject alternative names of a certificate hold `name`. Says nothing about who
/// signed it.
pub fn is_for_name(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let (Ok(parsed), Ok(name)) = (
        EndEntityCert::try_from(certificate),
        ServerName::try_from(name),
    ) else {
        return false;
    };
    parsed.verify_is_valid_for_subject_name(&name).is_ok()
}

/// The DNS names of a certificate. Says nothing about who signed it.
pub fn dns_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    match EndEntityCert::try_from(certificate) {
        Ok(parsed) => parsed.valid_dns_names().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    }
}

/// Whether `authority` signed the certificate of a server, which may have ended since.
pub fn is_of_authority(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    let (Ok(parsed), Ok(anchor), Ok(end)) = (
        EndEntityCert::try_from(certificate),
        webpki::anchor_from_trusted_cert(authority),
        not_after(certificate),
    ) else {
        return false;
    };
    let anchors = [anchor];
    let last_second = (end.micros() / 1_000_000).saturating_sub(1);
    let at = Duration::from_secs(u64::try_from(last_second).unwrap_or(0));
    let verdict = parsed.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &[],
        UnixTime::since_unix_epoch(at),
        KeyUsage::server_auth(),
        None,
        None,
    );
    verdict.is_ok()
}

/// When a certificate ends.
///
/// # Errors
/// [`PkiError::Malformed`] if it is no certificate.
pub fn not_after(certificate: &CertificateDer<'_>) -> Result<Timestamp, PkiError> {
    // The verifier tells the end of a certificate when asked about the end of time, and its start
    // when asked about the start; it looks at both before the (empty) chain.
    match verdict_at(certificate, u64::MAX / 4)? {
        webpki::Error::CertExpired { not_after, .. } => timestamp(not_after),
        _ => Err(malformed()),
    }
}

/// When a certificate is to be renewed: when a third of its life is left. The slack before its
/// start, which is for clocks that differ, is no part of its life.
///
/// # Errors
/// [`PkiError::Malformed`] if it is no certificate.
pub fn renew_at(certificate: &CertificateDer<'_>) -> Result<Timestamp, PkiError> {
    let end = not_after(certificate)?.micros();
    let begin = match verdict_at(certificate, 0)? {
        webpki::Error::CertNotValidYet { not_before, .. } => timestamp(not_before)?.micros(),
        _ => return Err(malformed()),
    };
    let slack = CLOCK_SLACK.as_micros() as i64;
    let life = end.saturating_sub(begin).saturating_sub(slack).max(0);
    Ok(Timestamp::from_micros(end.saturating_sub(life / 3)))
}

/// What the verifier finds wrong with a certificate, asked at a time in seconds since the epoch.
fn verdict_at(certificate: &CertificateDer<'_>, seconds: u64) -> Result<webpki::Error, PkiError> {
    let parsed = EndEntityCert::try_from(certificate).map_err(|_| malformed())?;
    let verdict = parsed.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[],
        &[],
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        KeyUsage::client_auth(),
        None,
        None,
    );
    verdict.err().ok_or_else(malformed)
}

fn timestamp(at: UnixTime) -> Result<Timestamp, PkiError> {
    let seconds = i64::try_from(at.as_secs()).map_err(|_| malformed())?;
    Ok(Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}

fn malformed() -> PkiError {
    PkiError::Malformed {
        what: "certificate",
    }
}

/// How soon a certificate ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryWarning {
    /// Within 30 days.
    Month,
    /// Within 7 days.
    Week,
    /// Within a day.
    Day,
    /// It has ended.
    Expired,
}

/// Whether a person has to look after a certificate that ends at `not_after`.
pub fn expiry_warning(not_after: Timestamp) -> Option<ExpiryWarning> {
    warning_at(not_after, Timestamp::now())
}

fn warning_at(not_after: Timestamp, now: Timestamp) -> Option<ExpiryWarning> {
    const DAY: i64 = 86_400_000_000;
    match not_after.micros().saturating_sub(now.micros()) {
        left if left <= 0 => Some(ExpiryWarning::Expired),
        left if left <= DAY => Some(ExpiryWarning::Day),
        left if left <= 7 * DAY => Some(ExpiryWarning::Week),
        left if left <= 30 * DAY => Some(ExpiryWarning::Month),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_grow_as_the_end_comes_nearer() {
        const DAY: i64 = 86_400_000_000;
        for (left, want) in [
            (31 * DAY, None),
            (30 * DAY, Some(ExpiryWarning::Month)),
            (7 * DAY, Some(ExpiryWarning::Week)),
            (DAY, Some(ExpiryWarning::Day)),
            (0, Some(ExpiryWarning::Expired)),
            (-DAY, Some(ExpiryWarning::Expired)),
        ] {
            let now = Timestamp::from_micros(1_000 * DAY);
            let end = Timestamp::from_micros(now.micros() + left);
            assert_eq!(warning_at(end, now), want, "{left} us left");
        }
    }
}
