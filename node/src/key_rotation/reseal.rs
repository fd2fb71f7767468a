//! Everything that the replicated state holds sealed, and the same sealed with another key.

use bytes::Bytes;
use pga_cluster::pki::ClusterKey;
use pga_cluster::{Resealed, State};

use crate::Result;
use crate::alerting::CHANNEL_SETTINGS;
use crate::keyring::Keyring;
use crate::secrets::{CA_KEY, TOKEN_KEY, pki};

/// A sealed secret, and what it is sealed for.
pub(super) type Sealed = (&'static str, Bytes);

/// All sealed secrets of a state.
pub(super) fn sealed(state: &State) -> Vec<Sealed> {
    let first = state.token_key().into_iter();
    let later = state.token_keys().values().map(|key| &key.sealed);
    let token_keys = first.chain(later).map(|sealed| (TOKEN_KEY, sealed));
    let ca_key = state.ca_key().into_iter().map(|sealed| (CA_KEY, sealed));
    let channels = state.channel_settings();
    let channels = channels.map(|sealed| (CHANNEL_SETTINGS, sealed));
    let all = token_keys.chain(ca_key).chain(channels);
    all.map(|(context, sealed)| (context, sealed.clone()))
        .collect()
}

/// Seals secrets with another key. The settings of a channel that no key opens stay as they are:
/// they are lost already.
///
/// # Errors
/// If a key that signs tokens or certificates does not open.
pub(super) fn reseal(
    keys: &Keyring,
    key: &ClusterKey,
    secrets: Vec<Sealed>,
) -> Result<Vec<Resealed>> {
    let mut anew = Vec::new();
    for (context, was) in secrets {
        let opened = match keys.open(context, &was) {
            Err(_) if context == CHANNEL_SETTINGS => {
                tracing::warn!("the settings of a channel open with no cluster key");
                continue;
            }
            opened => opened.map_err(pki)?,
        };
        let is = key.seal(context, &opened).map_err(pki)?.into();
        anew.push(Resealed { was, is });
    }
    Ok(anew)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_stays_and_what_must_not_be_lost_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.key");
        let (old, new) = (
            ClusterKey::from_bytes([1; 32]),
            ClusterKey::from_bytes([2; 32]),
        );
        let stranger = ClusterKey::from_bytes([3; 32]);
        old.write(&path).unwrap();
        let keys = Keyring::read(&path).unwrap();
        let seal = |key: &ClusterKey, context| -> Sealed {
            (context, key.seal(context, b"secret").unwrap().into())
        };
        let secrets = vec![
            seal(&old, TOKEN_KEY),
            seal(&stranger, CHANNEL_SETTINGS),
            seal(&old, CA_KEY),
        ];
        let anew = reseal(&keys, &new, secrets).unwrap();
        let opened: Vec<_> = [TOKEN_KEY, CA_KEY]
            .iter()
            .zip(&anew)
            .map(|(context, one)| new.open(context, &one.is).unwrap())
            .collect();
        assert_eq!(opened, [b"secret", b"secret"]);
        reseal(&keys, &new, vec![seal(&stranger, CA_KEY)]).unwrap_err();
    }
}
