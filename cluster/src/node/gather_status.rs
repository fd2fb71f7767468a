//! Asking all nodes how they see themselves.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use pga_storage::Timestamp;

use crate::member::Member;
use crate::membership::levels::Announcement;
use crate::node::ClusterNode;
use crate::node::condition::clock_ahead;
use crate::node::status::{ClusterStatus, NodeStatus};
use crate::state::State;
use crate::transport::RpcKind;

impl ClusterNode {
    /// The cluster as its nodes see themselves; who does not answer within `timeout` is marked
    /// unreachable.
    pub async fn status(&self, timeout: Duration) -> ClusterStatus {
        let members = self.core.members();
        let nodes = members
            .into_iter()
            .map(|member| self.ask_status(member, timeout));
        let nodes = join_all(nodes).await;
        let level = self.core.machine.with_state(State::feature_level);
        ClusterStatus::of(self.core.cluster, level, nodes)
    }

    async fn ask_status(&self, member: Member, timeout: Duration) -> NodeStatus {
        let (known, announced) = if member.node == self.core.node {
            let announced = self.core.announcement();
            (Some(self.core.own_status()), Some((announced, Some(0))))
        } else {
            let call = self.call(member.node, RpcKind::Status, Bytes::new(), timeout);
            let (answer, announced) = tokio::join!(call, self.ask_about(&member, timeout));
            let status = answer.ok();
            let status =
                status.and_then(|answer| pga_storage::from_msgpack::<NodeStatus>(&answer).ok());
            (status, announced)
        };
        let Some(status) = known else {
            return NodeStatus::unreachable(member);
        };
        let (announced, clock_ahead_micros) = announced.unzip();
        NodeStatus {
            http: member.http,
            quic: member.quic,
            feature_level: announced.as_ref().map(|announced| announced.level),
            clock_ahead_micros: clock_ahead_micros.flatten(),
            condition: announced.as_ref().and_then(|one| one.condition.clone()),
            version: announced.map(|announced| announced.version),
            ..status
        }
    }

    /// What a peer says about its program, and how far its clock is ahead.
    async fn ask_about(
        &self,
        member: &Member,
        timeout: Duration,
    ) -> Option<(Announcement, Option<i64>)> {
        let asked = Timestamp::now();
        let answer = tokio::time::timeout(timeout, self.core.ask_announcement(member)).await;
        let announced = answer.ok()?.ok()?;
        let ahead = |said| clock_ahead(asked, said, Timestamp::now());
        let ahead = announced.at.map(ahead);
        Some((announced, ahead))
    }
}
