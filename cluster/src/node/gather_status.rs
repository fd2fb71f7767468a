//! Asking all nodes how they see themselves.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;

use crate::member::Member;
use crate::node::ClusterNode;
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
            (Some(self.core.own_status()), Some(announced))
        } else {
            let call = self.call(member.node, RpcKind::Status, Bytes::new(), timeout);
            let asked = tokio::time::timeout(timeout, self.core.ask_announcement(&member));
            let (answer, announced) = tokio::join!(call, asked);
            let status = answer.ok();
            let status =
                status.and_then(|answer| pga_storage::from_msgpack::<NodeStatus>(&answer).ok());
            (status, announced.ok().and_then(std::result::Result::ok))
        };
        let Some(status) = known else {
            return NodeStatus::unreachable(member);
        };
        let (feature_level, version) = announced
            .map(|announced| (announced.level, announced.version))
            .unzip();
        NodeStatus {
            http: member.http,
            quic: member.quic,
            feature_level,
            version,
            ..status
        }
    }
}
