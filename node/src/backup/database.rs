//! The database that a restored cluster goes on with: whether it fits, and handing it over.

use pga_cluster::ClusterId;
use pga_config::NodeId;
use pga_storage::store::{Holding, StoreOwner, TimescaleOptions, TimescaleStore};
use pga_storage::{Position, StoreWriter};

use super::head::Head;
use crate::{Error, Result};

/// A database as it was found, and where the new cluster's log begins with it.
#[derive(Debug)]
pub(super) struct Database<'a> {
    url: &'a str,
    /// `None`: it is empty.
    found: Option<Holding>,
    /// Position at which the new cluster begins.
    pub(super) at: Position,
}

fn owner(cluster: ClusterId) -> StoreOwner {
    StoreOwner::new(cluster.get().as_u128())
}

fn connect(url: &str, cluster: ClusterId) -> Result<TimescaleStore> {
    let options = TimescaleOptions::new(url, owner(cluster), NodeId::new(1))?;
    Ok(TimescaleStore::connect(options)?)
}

impl<'a> Database<'a> {
    /// Looks at the database, and refuses one that is not where the backup is.
    pub(super) async fn look(url: &'a str, head: &Head, any_position: bool) -> Result<Self> {
        let found = connect(url, head.cluster)?.holding().await?;
        let at = begin_at(found.as_ref(), head, any_position).map_err(Error::Refused)?;
        Ok(Self { url, found, at })
    }

    /// Makes it the database of `cluster`.
    pub(super) async fn hand_over(&self, cluster: ClusterId) -> Result<()> {
        let store = connect(self.url, cluster)?;
        let found = match &self.found {
            Some(found) => found.clone(),
            None => {
                store.migrate().await?;
                let made = store.holding().await?;
                made.ok_or_else(|| Error::Internal("the database has no tables".to_owned()))?
            }
        };
        Ok(store.take_from(&found, self.at).await?)
    }
}

/// Where the log of the new cluster begins: at the backup's position, or at a later one that the
/// database has.
fn begin_at(found: Option<&Holding>, head: &Head, any_position: bool) -> Result<Position, String> {
    let (need, last) = (head.watermark.0, head.position.0);
    let hint = format!("restore the database to position {need}, or pass --any-database-position");
    let Some(found) = found else {
        return match any_position {
            true => Ok(last),
            false => Err(format!("the database is empty: {hint}")),
        };
    };
    if found.owner != owner(head.cluster).to_string() {
        return Err(format!(
            "the database belongs to cluster {}, the backup is of {}",
            found.owner, head.cluster
        ));
    }
    let mark = found.watermark;
    let at = mark.position;
    if at.index < need.index && !any_position {
        return Err(format!(
            "the database is at {at}, behind the backup: what was stored after that up to {need} would be missing; {hint}"
        ));
    }
    if at.index > last.index {
        if !any_position {
            return Err(format!(
                "the database is at {at}, beyond the backup: users, rules and collectors would be older than its rows; {hint}"
            ));
        }
        return Ok(Position {
            term: at.term.max(mark.owner_term).max(last.term),
            ..at
        });
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use pga_cluster::FeatureLevel;
    use pga_storage::store::Watermark;

    use super::*;
    use crate::backup::head::{StoreKind, Text};

    fn head() -> Head {
        Head {
            cluster: ClusterId::random(),
            node: NodeId::new(2),
            position: Text(Position::new(3, 110)),
            watermark: Text(Position::new(3, 100)),
            store: StoreKind::TimescaleDb,
            feature_level: FeatureLevel::CURRENT,
            since: "3.0.0".into(),
            program: "3.0.0".into(),
            created_at: "2026-11-29T12:00:00Z".into(),
            encryption: None,
        }
    }

    fn holding(cluster: ClusterId, index: u64) -> Holding {
        Holding {
            owner: owner(cluster).to_string(),
            watermark: Watermark {
                position: Position::new(3, index),
                owner_term: 5,
            },
        }
    }

    #[test]
    fn a_database_fits_if_it_stands_where_the_backup_does() {
        let head = head();
        for index in [100, 105, 110] {
            let found = holding(head.cluster, index);
            let at = begin_at(Some(&found), &head, false);
            assert_eq!(at, Ok(Position::new(3, 110)), "{index}");
        }
    }

    #[test]
    fn any_other_needs_to_be_asked_for_and_nothing_begins_before_its_rows() {
        let head = head();
        let found = |index| Some(holding(head.cluster, index));
        for (found, word, at) in [
            (None, "empty", Position::new(3, 110)),
            (found(99), "behind", Position::new(3, 110)),
            (found(111), "beyond", Position::new(5, 111)),
        ] {
            let refused = begin_at(found.as_ref(), &head, false).unwrap_err();
            assert!(
                refused.contains(word) && refused.contains("0.3.100"),
                "{refused}"
            );
            assert_eq!(begin_at(found.as_ref(), &head, true), Ok(at), "{word}");
        }
    }

    #[test]
    fn the_database_of_a_third_cluster_is_refused_whatever_is_asked_for() {
        let found = holding(ClusterId::random(), 105);
        begin_at(Some(&found), &head(), true).unwrap_err();
    }
}
