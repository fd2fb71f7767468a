//! A node that lost what it once confirmed: its log is damaged, older than its peers remember, or
//! gone.
//!
//! Such a node may have forgotten votes and entries that others count on. Until the others have
//! taken it out of the membership it refuses everything that consensus asks for (LOG-1): no vote,
//! no append, no snapshot, no election.
//!
//! # Why that is safe
//! An entry that was committed with the help of the lost log is on `majority - 1` other nodes. The
//! removal is committed by a majority of those others; the two groups share a node, so whoever
//! commits the removal has the entry. For the same reason no leader of an older term can ever again
//! get a majority with the forgetful node's help: any majority it could form has a node in it that
//! knows the removal's term. From the removal on the node is as good as new: it joins as a learner,
//! and votes once it has caught up. Without a majority of the others it keeps waiting.
//!
//! # How a loss is found
//! | Found at start | Known from |
//! | --- | --- |
//! | log, marker or snapshot damaged | checksums and the marker |
//! | log behind what this node once had, or a vote forgotten | peers' memory of it, on their disks ([`PeerWatermarks`](crate::consensus::peer_watermarks)) |
//! | log empty, but the node votes in a cluster that has committed something | peers' membership |
//! | a recovery that was not finished | the file `recovering` |
//!
//! A node with a log takes part once all voters have told what they saw of it; after a while
//! without some of them, a majority is enough, itself among it. With fewer it waits without end:
//! there is nothing it could help to elect or to commit.
//!
//! A node with an empty log takes part at once only if so many others have never heard of it, and
//! have seen the cluster's whole life, that nothing can have been committed with its help: that is
//! how a new cluster starts.
//!
//! # What becomes of the log
//! One that is damaged is moved aside. One that is only older is a true beginning of the log, and
//! stays: once the node is evicted, it is a learner that is behind.

mod decision;
pub(crate) mod exchange;
pub(crate) mod hearing;
pub(crate) mod incarnation;
pub(crate) mod quarantine;
pub(crate) mod standing;
pub(crate) mod task;
