//! The text of API tokens: `pga_<id>_<secret>_<checksum>`.
//!
//! The prefix and the checksum let scanners of source code find tokens that were committed by
//! mistake, without asking anybody.

use crate::secret_hash::sha256;

const PREFIX: &str = "pga_";

/// A new token: its id, its text, and what is kept of it.
pub(crate) struct NewToken {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) sha256: [u8; 32],
}

/// Makes a token.
pub(crate) fn generate() -> NewToken {
    let id = pga_runtime::random::<u64>();
    let secret = hex::encode(pga_runtime::random::<[u8; 32]>());
    let body = format!("{PREFIX}{id:016x}_{secret}");
    let text = format!("{body}_{:08x}", crc32fast::hash(body.as_bytes()));
    NewToken {
        id,
        sha256: sha256(text.as_bytes()),
        text,
    }
}

/// The id of the token in `text`, if that is one.
pub(crate) fn id(text: &str) -> Option<u64> {
    let (body, checksum) = text.rsplit_once('_')?;
    let checksum = u32::from_str_radix(checksum, 16).ok()?;
    if crc32fast::hash(body.as_bytes()) != checksum {
        return None;
    }
    let (id, _secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
    u64::from_str_radix(id, 16).ok()
}

/// Whether `text` claims to be such a token.
pub(crate) fn is_like(text: &str) -> bool {
    text.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_id_and_a_damaged_one_does_not() {
        let token = generate();
        assert_eq!(id(&token.text), Some(token.id));
        assert_eq!(token.text.len(), 4 + 16 + 1 + 64 + 1 + 8);
        for bad in [
            token.text.replace("pga_", "pgb_"),
            token.text[..token.text.len() - 1].to_owned(),
            token.text.to_uppercase(),
            "pga___".to_owned(),
            "pga_".to_owned(),
            String::new(),
        ] {
            assert_eq!(id(&bad), None, "{bad}");
        }
    }
}
