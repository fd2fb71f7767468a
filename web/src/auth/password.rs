//! Password checks and hashes.
//!
//! Both cost tens of milliseconds of a core and 19 MiB, so they run on a few threads of their own,
//! which are nicer than the rest of the node: a burst of logins must not slow pushes down. Who
//! cannot be served soon is refused.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::oneshot;

use crate::refusal::Refusal;

/// Checks that wait at a time, for each that runs.
const WAITING_PER_THREAD: usize = 16;
/// Dearer hashes are not taken over: each check of one would keep a thread for minutes.
const MAX_BCRYPT_COST: u32 = 14;
/// Memory of one check, in KiB.
const MAX_ARGON2_KIB: u32 = 256 << 10;
const MAX_ARGON2_PASSES: u32 = 16;
/// How much nicer than the node the threads are (nice(2)).
const NICE: i32 = 10;

/// Hash of no password: an unknown user costs as much time as a known one.
static NOBODY: LazyLock<Option<String>> =
    LazyLock::new(|| hash("-", &SaltString::encode_b64(b"pganalytics-none").ok()?));

/// What a password is to a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// Another one's, or nobody's.
    No,
    /// Its own.
    Yes,
    /// Its own, and the hash is of an older kind: a new one should take its place.
    Outdated,
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads that check passwords.
#[derive(Debug)]
pub(crate) struct Passwords(SyncSender<Job>);

impl Passwords {
    /// With this many threads, at least one.
    pub(crate) fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        let (jobs, queue) = sync_channel(threads * WAITING_PER_THREAD);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name("password".to_owned());
            if let Err(error) = thread.spawn(move || work(&queue)) {
                tracing::error!(%error, "no thread for password checks");
            }
        }
        Self(jobs)
    }

    /// Whether `password` belongs to `hash`; never without a hash, though it takes as long.
    ///
    /// # Errors
    /// 503 `password_checks` if too many wait.
    pub(crate) async fn check(
        &self,
        hash: Option<String>,
        password: String,
    ) -> Result<Match, Refusal> {
        self.run(move || matches(hash.as_deref(), &password)).await
    }

    /// The hash of a password, as a PHC string (Argon2id).
    ///
    /// # Errors
    /// As [`Passwords::check`].
    pub(crate) async fn hash(&self, password: String) -> Result<String, Refusal> {
        let hashed = self.run(move || hash_password(&password));
        hashed.await?.ok_or_else(Refusal::internal)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (done, outcome) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Nobody waits for it any more if the request has ended.
            if !done.is_closed() {
                drop(done.send(work()));
            }
        });
        match self.0.try_send(job) {
            Ok(()) => outcome.await.map_err(|_| Refusal::internal()),
            Err(TrySendError::Full(_)) => Err(Refusal::unavailable(
                "password_checks",
                "Temporarily unavailable: too many logins wait",
            )),
            Err(TrySendError::Disconnected(_)) => Err(Refusal::internal()),
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    // On Linux the priority is one of the thread (setpriority(2), NOTES).
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "password checks run at the node's priority");
    }
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

/// The hash of a password under a random salt, as a PHC string (Argon2id). Takes tens of
/// milliseconds of the thread it runs on; `None` if the hash function refuses the password.
pub fn hash_password(password: &str) -> Option<String> {
    let salt = SaltString::encode_b64(&pga_runtime::random::<[u8; 16]>()).ok()?;
    hash(password, &salt)
}

/// What `password` is to `hash`: Argon2 as a PHC string, or the original's bcrypt.
fn matches(hash: Option<&str>, password: &str) -> Match {
    match hash {
        None => {
            let nobody = NOBODY
                .as_deref()
                .and_then(|hash| PasswordHash::new(hash).ok());
            nobody.map(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            });
            Match::No
        }
        Some(hash) if hash.starts_with("$2") => match bcrypt::verify(password, hash) {
            Ok(true) => Match::Outdated,
            Ok(false) | Err(_) => Match::No,
        },
        Some(hash) => {
            let parsed = PasswordHash::new(hash);
            let is_own = parsed.is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            });
            if is_own { Match::Yes } else { Match::No }
        }
    }
}

fn hash(password: &str, salt: &SaltString) -> Option<String> {
    let hash = Argon2::default().hash_password(password.as_bytes(), salt);
    hash.ok().map(|hash| hash.to_string())
}

/// Whether a text is a hash that a password can be checked against.
pub(crate) fn is_hash(text: &str) -> bool {
    let is_bcrypt = text.len() == 60
        && ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|kind| text.starts_with(kind));
    let cost = || text.get(4..6).and_then(|cost| cost.parse::<u32>().ok());
    let is_affordable = || cost().is_some_and(|cost| cost <= MAX_BCRYPT_COST);
    match is_bcrypt {
        true => is_affordable(),
        false => is_argon2(text),
    }
}

fn is_argon2(text: &str) -> bool {
    let Ok(hash) = PasswordHash::new(text) else {
        return false;
    };
    let least = |name: &str, most: u32| hash.params.get_decimal(name).unwrap_or(0) <= most;
    text.starts_with("$argon2") && least("m", MAX_ARGON2_KIB) && least("t", MAX_ARGON2_PASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `htpasswd -nbBC 6 x secret` makes such hashes; so does pgcrypto's `crypt`.
    const BCRYPT: &str = "$2y$06$lTZbVrp8ZTXvbu1yRLAiS.Sv4vKGcQ2j3D3fSX6O7g3NGO4Tu0y4W";

    #[tokio::test]
    async fn a_password_is_known_by_its_own_hash_only() {
        let passwords = Passwords::new(1);
        let argon = passwords.hash("secret".to_owned()).await.unwrap();
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        for (name, hash, password, want) in [
            ("its own", Some(argon.clone()), "secret", Match::Yes),
            ("another", Some(argon), "Secret", Match::No),
            (
                "of the original",
                Some(bcrypt.clone()),
                "secret",
                Match::Outdated,
            ),
            ("another of it", Some(bcrypt), "secret2", Match::No),
            ("nobody's", None, "-", Match::No),
            ("not to be used", Some("!".to_owned()), "!", Match::No),
        ] {
            let found = passwords.check(hash, password.to_owned()).await.unwrap();
            assert_eq!(found, want, "{name}");
        }
    }

    #[test]
    fn hashes_that_nobody_can_afford_are_not_taken() {
        let dear = BCRYPT.replace("$06$", "$31$");
        let argon =
            |m: u32| format!("$argon2id$v=19$m={m},t=2,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA");
        assert!(is_hash(BCRYPT) && !is_hash(&dear));
        assert!(is_hash(&argon(19_456)) && !is_hash(&argon(4 << 20)));
    }

    #[test]
    fn the_hash_for_unknown_users_is_a_real_one() {
        assert!(is_hash(NOBODY.as_deref().unwrap()));
    }

    #[test]
    fn hashes_are_told_from_other_texts() {
        for (text, want) in [
            (BCRYPT, true),
            ("!", false),
            ("", false),
            ("$2a$secret", false),
        ] {
            assert_eq!(is_hash(text), want, "{text}");
        }
    }
}
