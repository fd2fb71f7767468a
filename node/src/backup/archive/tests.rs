//! No byte of an archive can be another one, be missing, or be added.

use std::io::Write;

use pga_cluster::{ClusterId, FeatureLevel};
use pga_config::NodeId;
use pga_storage::Position;

use super::*;
use crate::backup::ArchiveError;
use crate::backup::cipher::{Cipher, Passphrase};
use crate::backup::head::{Encryption, Head, StoreKind, Text};
use crate::backup::manifest::{Manifest, Part};
use crate::{Error, Result};

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery")
}

/// An archive with some bytes in each part, three chunks of a store among them.
fn archive(encrypted: bool) -> Vec<u8> {
    let mut encryption = encrypted.then(Encryption::new);
    if let Some(encryption) = &mut encryption {
        // The derivation is not what is tested, and runs for each byte.
        encryption.memory_kib = 8;
        encryption.passes = 1;
    }
    let cipher = encryption.as_ref();
    let cipher = cipher.map(|encryption| Cipher::new(&passphrase(), encryption).unwrap());
    let head = Head {
        cluster: ClusterId::random(),
        node: NodeId::new(2),
        position: Text(Position::new(3, 110)),
        watermark: Text(Position::new(3, 100)),
        store: StoreKind::Embedded,
        feature_level: FeatureLevel::CURRENT,
        since: "3.0.0".into(),
        program: "3.0.0".into(),
        created_at: "2026-11-29T12:00:00Z".into(),
        encryption,
    };
    let mut writer = ArchiveWriter::new(Vec::new(), &head, cipher).unwrap();
    writer.part(Part::State, &b"a state"[..], |_| ()).unwrap();
    let store = vec![7; 2 * CHUNK_BYTES + 5];
    writer.part(Part::Store, store.as_slice(), |_| ()).unwrap();
    if encrypted {
        writer.part(Part::ClusterKey, &[9; 32][..], |_| ()).unwrap();
    }
    let manifest = |parts| Manifest {
        parts,
        state: [("users".to_owned(), 3)].into(),
        store: None,
    };
    writer.finish(manifest).unwrap().1
}

/// The bytes of each part.
type Pieces = Vec<(Part, Vec<u8>)>;

fn read(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<(Contents, Pieces)> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file.flush().unwrap();
    let mut parts = Pieces::new();
    let contents = Archive::open(file.path())?.read(
        passphrase,
        &mut |part, piece| {
            match parts.last_mut() {
                Some((last, bytes)) if *last == part => bytes.extend_from_slice(piece),
                _ => parts.push((part, piece.to_vec())),
            }
            Ok(())
        },
        &mut |_| (),
    )?;
    Ok((contents, parts))
}

fn refused(bytes: &[u8], passphrase: Option<&Passphrase>) -> ArchiveError {
    match read(bytes, passphrase) {
        Err(Error::Archive(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("taken"),
    }
}

#[test]
fn what_was_written_is_read_and_the_manifest_tells_the_same() {
    for (bytes, given) in [(archive(false), None), (archive(true), Some(passphrase()))] {
        let (contents, parts) = read(&bytes, given.as_ref()).unwrap();
        let sums = contents.manifest.unwrap().parts;
        assert_eq!(contents.size, bytes.len() as u64);
        let (last, rest) = parts.split_last().unwrap();
        assert_eq!(last.0, Part::Manifest);
        for ((part, bytes), sum) in rest.iter().zip(&sums) {
            assert_eq!((*part, bytes.len() as u64), (sum.part, sum.bytes));
        }
        assert_eq!(rest.len(), sums.len());
        assert_eq!(rest[1].1.len(), 2 * CHUNK_BYTES + 5);
    }
}

/// Each byte in turn, by one bit and by all; each length.
#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    for (whole, given) in [(archive(false), None), (archive(true), Some(passphrase()))] {
        let given = given.as_ref();
        assert!(whole.len() < 3_000, "{} bytes take too long", whole.len());
        for at in 0..whole.len() {
            for mask in [0x01, 0xff] {
                let mut bad = whole.clone();
                bad[at] ^= mask;
                match refused(&bad, given) {
                    ArchiveError::Foreign(_) => assert!(at < 8, "byte {at}"),
                    ArchiveError::Newer { .. } => assert!((8..12).contains(&at), "byte {at}"),
                    ArchiveError::Damaged { offset, .. } => {
                        assert!(
                            offset <= whole.len() as u64,
                            "byte {at} is told as {offset}"
                        );
                    }
                    other => panic!("byte {at}: {other}"),
                }
            }
            match refused(&whole[..at], given) {
                ArchiveError::Foreign(_) => assert!(at < 8, "length {at}"),
                ArchiveError::Damaged { offset, .. } => assert!(offset <= at as u64, "{at}"),
                other => panic!("length {at}: {other}"),
            }
        }
        let longer = [whole.as_slice(), &[0]].concat();
        let ArchiveError::Damaged { offset, .. } = refused(&longer, given) else {
            panic!("taken for something else");
        };
        assert_eq!(offset, whole.len() as u64);
    }
}

/// The damage that is told is the chunk with the wrong byte, not the next one.
#[test]
fn the_offset_is_that_of_the_chunk() {
    let whole = archive(false);
    let head = 20 + u32::from_le_bytes(whole[12..16].try_into().unwrap()) as usize;
    let first_body = u32::from_le_bytes(whole[head + 9..head + 13].try_into().unwrap()) as usize;
    let second = head + CHUNK_HEAD_BYTES + first_body;
    let mut bad = whole;
    bad[second + CHUNK_HEAD_BYTES + 3] ^= 4;
    let ArchiveError::Damaged { offset, .. } = refused(&bad, None) else {
        panic!("taken for something else");
    };
    assert_eq!(offset, second as u64);
}

/// Who can change a file can also make its checksums anew: under a passphrase that does not help.
#[test]
fn an_encrypted_archive_cannot_be_put_together_anew() {
    let whole = archive(true);
    let head = 20 + u32::from_le_bytes(whole[12..16].try_into().unwrap()) as usize;
    let mut bad = whole.clone();
    let body = head + CHUNK_HEAD_BYTES;
    bad[body] ^= 1;
    let length = u32::from_le_bytes(whole[head + 9..head + 13].try_into().unwrap()) as usize;
    let sum = crc(&[&bad[head..head + 13], &bad[body..body + length]]);
    bad[head + 13..body].copy_from_slice(&sum.to_le_bytes());
    let end = bad.len() - END_BYTES;
    let hash = ring::digest::digest(&ring::digest::SHA256, &bad[..end]);
    bad[end + 24..].copy_from_slice(hash.as_ref());
    let error = refused(&bad, Some(&passphrase()));
    assert!(matches!(error, ArchiveError::Closed { .. }), "{error}");
    // Without the passphrase it looks whole: only its checksums can be compared.
    assert!(read(&bad, None).unwrap().0.manifest.is_none());
}

#[test]
fn another_passphrase_opens_nothing_and_none_compares_the_checksums() {
    let whole = archive(true);
    let wrong = Passphrase::new("incorrect horse");
    let error = refused(&whole, Some(&wrong));
    assert!(matches!(error, ArchiveError::Closed { .. }), "{error}");
    let (contents, parts) = read(&whole, None).unwrap();
    assert!(contents.manifest.is_none() && parts.is_empty());
}

#[test]
fn other_files_are_foreign() {
    for other in [
        &b""[..],
        b"PGA",
        b"SQLite format 3\0",
        &[0; 5_000],
        b"PGABACK2rest",
    ] {
        let error = refused(other, None);
        assert!(matches!(error, ArchiveError::Foreign(_)), "{error}");
    }
    let error = Archive::open(std::env::temp_dir().as_path()).err().unwrap();
    assert!(
        matches!(error, Error::Archive(ArchiveError::Foreign(_))),
        "{error}"
    );
}
