//! Why a plan cannot be read.

/// The result of reading a plan.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a plan cannot be read. A retry with the same document does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no plan in the document.
    #[error("no plan in the document")]
    NoPlan,
    /// The document begins as JSON and is none.
    #[error("the document is no JSON: {detail}")]
    NoJson {
        /// What is wrong with it, and where.
        detail: String,
    },
    /// A node does not name its type.
    #[error("node {id} has no type")]
    NoNodeType {
        /// Number of the node in preorder, from 0.
        id: u32,
    },
    /// The nodes nest too deep.
    #[error("plan is deeper than {limit} nodes")]
    TooDeep {
        /// The deepest nesting that is read.
        limit: u32,
    },
}
