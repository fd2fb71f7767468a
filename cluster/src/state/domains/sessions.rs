//! Sessions of users: each is a family of refresh tokens, of which the newest alone is good.
//!
//! A login begins a session. Each refresh moves it to its next generation. A token of an earlier
//! generation was stolen, or its thief was first: the session ends then, on every node (RFC 9700,
//! 4.14.2). A session that is not here has ended.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Sessions that a user has at a time; the oldest goes first.
const MAX_PER_USER: usize = 100;
/// Sessions in all; the oldest goes first.
const MAX: usize = 20_000;

/// A session of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose.
    pub user_id: i64,
    /// Of the refresh token that is good.
    pub generation: u64,
    /// Where the login came from.
    pub address: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
}

/// Changes of sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionCommand {
    /// A user logged in.
    Begin {
        /// Random name of the session.
        session: u128,
        /// Who.
        user_id: i64,
        /// From where.
        address: String,
        /// When it ends unless it is refreshed.
        expires_at: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// A refresh token of this generation was shown.
    Refresh {
        /// Of which session.
        session: u128,
        /// Of the token.
        generation: u64,
        /// When the session ends unless it is refreshed again.
        expires_at: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// A user logged out.
    End {
        /// Which.
        session: u128,
    },
}

/// All sessions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::state) struct Sessions(pub(in crate::state) BTreeMap<u128, Session>);

impl Sessions {
    /// Ends a user's sessions, but one.
    pub(in crate::state) fn end_all(&mut self, user_id: i64, keep: Option<u128>) {
        self.0
            .retain(|id, session| session.user_id != user_id || Some(*id) == keep);
    }

    fn begin(&mut self, id: u128, session: Session, at: Timestamp) {
        self.0.retain(|_, session| session.expires_at > at);
        let mine = |other: &Session| other.user_id == session.user_id;
        if self.0.values().filter(|other| mine(other)).count() >= MAX_PER_USER {
            self.drop_oldest(mine);
        }
        if self.0.len() >= MAX {
            self.drop_oldest(|_| true);
        }
        self.0.insert(id, session);
    }

    fn drop_oldest(&mut self, among: impl Fn(&Session) -> bool) {
        let sessions = self.0.iter().filter(|(_, session)| among(session));
        let oldest = sessions.min_by_key(|(id, session)| (session.begun_at, **id));
        if let Some((&id, _)) = oldest {
            self.0.remove(&id);
        }
    }

    fn refresh(
        &mut self,
        id: u128,
        generation: u64,
        expires_at: Timestamp,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let session = self.0.get_mut(&id).ok_or(Refusal::NotFound)?;
        if session.expires_at <= at {
            self.0.remove(&id);
            return Err(Refusal::NotFound);
        }
        if session.generation != generation {
            self.0.remove(&id);
            return Err(Refusal::Replayed);
        }
        session.generation += 1;
        session.expires_at = expires_at;
        Ok(())
    }
}

impl Sessions {
    /// Applies a command, purely (SM-1).
    pub(in crate::state) fn apply(&mut self, command: &SessionCommand) -> Result<(), Refusal> {
        match command {
            SessionCommand::Begin {
                session,
                user_id,
                address,
                expires_at,
                at,
            } => {
                let begun = Session {
                    user_id: *user_id,
                    generation: 0,
                    address: address.clone(),
                    begun_at: *at,
                    expires_at: *expires_at,
                };
                self.begin(*session, begun, *at);
                Ok(())
            }
            SessionCommand::Refresh {
                session,
                generation,
                expires_at,
                at,
            } => self.refresh(*session, *generation, *expires_at, *at),
            SessionCommand::End { session } => {
                self.0.remove(session);
                Ok(())
            }
        }
    }
}

plain_section!(Sessions, "sessions", FeatureLevel::PEOPLE);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn begin(session: u128, user_id: i64, when: i64) -> SessionCommand {
        SessionCommand::Begin {
            session,
            user_id,
            address: String::new(),
            expires_at: at(when + 100),
            at: at(when),
        }
    }

    fn refresh(session: u128, generation: u64, when: i64) -> SessionCommand {
        SessionCommand::Refresh {
            session,
            generation,
            expires_at: at(when + 100),
            at: at(when),
        }
    }

    #[test]
    fn a_token_is_good_once_and_a_replay_ends_the_session() {
        let mut sessions = Sessions::default();
        sessions.apply(&begin(1, 9, 0)).unwrap();
        for (name, command, want) in [
            ("first", refresh(1, 0, 10), Ok(())),
            ("next", refresh(1, 1, 20), Ok(())),
            ("replayed", refresh(1, 0, 30), Err(Refusal::Replayed)),
            ("the newest too", refresh(1, 2, 30), Err(Refusal::NotFound)),
        ] {
            assert_eq!(sessions.apply(&command), want, "{name}");
        }
    }

    #[test]
    fn a_session_ends_by_itself() {
        let mut sessions = Sessions::default();
        sessions.apply(&begin(1, 9, 0)).unwrap();
        let late = sessions.apply(&refresh(1, 0, 100));
        assert_eq!(late, Err(Refusal::NotFound));
    }

    #[test]
    fn a_users_oldest_session_makes_room() {
        let mut sessions = Sessions::default();
        sessions.apply(&begin(7_777, 8, 0)).unwrap();
        for n in 0..=MAX_PER_USER as u128 {
            sessions.apply(&begin(n, 9, n as i64 / 10)).unwrap();
        }
        assert_eq!(sessions.0.len(), MAX_PER_USER + 1);
        assert!(!sessions.0.contains_key(&0));
        assert!(sessions.0.contains_key(&7_777), "another's");
        sessions.end_all(9, Some(50));
        assert_eq!(sessions.0.keys().copied().collect::<Vec<_>>(), [50, 7_777]);
    }
}
