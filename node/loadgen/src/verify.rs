//! Reads everything back.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::api::{Credentials, Reader};
use crate::content::CycleCache;
use crate::sql::in_database;
use crate::{Counts, History, LoadArgs, LoadError, Run, Verdict, View};
use pga_client::{ClientError, ClientOptions, Endpoint};

/// Collectors that are read at the same time through one node.
const READERS: usize = 4;
/// Longest wait for a node that is asked before the load.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads everything that `run` pushed back through each node, and from the database if one is
/// given; one view each.
///
/// # Errors
/// [`LoadError`] if a node or the database gives no answer within `verify_timeout`.
pub async fn verify(args: &LoadArgs, run: &Arc<Run>) -> Result<Vec<View>, LoadError> {
    let mut views = Vec::new();
    let options = Arc::new(args.client_options()?);
    for node in &args.nodes {
        let verdict = through_node(args, run, node, &options).await?;
        views.push(View {
            source: node.to_string(),
            verdict,
        });
    }
    if let Some(url) = &args.timescale {
        views.push(View {
            source: "sql".to_owned(),
            verdict: in_database(run, url).await?,
        });
    }
    Ok(views)
}

/// Whether the nodes let this program read back, asked before anything is pushed. A node that gives
/// no answer is not asked again: it may be there when it is read from.
///
/// # Errors
/// `Options` if a node refuses: the credentials are missing or wrong.
pub async fn may_verify(args: &LoadArgs) -> Result<(), LoadError> {
    let options = Arc::new(args.client_options()?);
    let nobody = pga_runtime::uuid().to_string();
    for node in &args.nodes {
        let deadline = pga_runtime::now() + ASK_TIMEOUT;
        let mut reader = Reader::new(node, &options, credentials(args), deadline);
        match reader.page(&nobody, None, None).await {
            Err(LoadError::Client(ClientError::Answer {
                status: status @ (401 | 403),
                ..
            })) => {
                return Err(LoadError::Options(format!(
                    "--verify: {node} answers {status} to reads; give the --username and --password of a user"
                )));
            }
            Err(error) => tracing::debug!(%node, %error, "not asked whether it may be read from"),
            Ok(_) => {}
        }
    }
    Ok(())
}

fn credentials(args: &LoadArgs) -> Option<Credentials> {
    Some(Credentials {
        username: args.username.clone()?,
        password: args.password.clone()?,
    })
}

async fn through_node(
    args: &LoadArgs,
    run: &Arc<Run>,
    node: &Endpoint,
    options: &Arc<ClientOptions>,
) -> Result<Verdict, LoadError> {
    let credentials = credentials(args);
    let deadline = pga_runtime::now() + args.verify_timeout;
    let mut readers = JoinSet::new();
    for first in 0..READERS {
        let reader = Reader::new(node, options, credentials.clone(), deadline);
        readers.spawn(read_some(Arc::clone(run), first, reader));
    }
    let mut verdict = Verdict::default();
    while let Some(read) = readers.join_next().await {
        verdict += read??;
    }
    Ok(verdict)
}

/// Every collector whose number is `first` modulo [`READERS`].
async fn read_some(run: Arc<Run>, first: usize, mut reader: Reader) -> Result<Verdict, LoadError> {
    let mut verdict = Verdict::default();
    for history in run.histories.iter().skip(first).step_by(READERS) {
        verdict += read_collector(&run, history, &mut reader).await?;
    }
    Ok(verdict)
}

async fn read_collector(
    run: &Run,
    history: &History,
    reader: &mut Reader,
) -> Result<Verdict, LoadError> {
    let mut counts = Counts::new(history);
    let mut cache = CycleCache::default();
    let mut cursor: Option<String> = None;
    loop {
        let page = reader
            .page(&history.collector, history.last_position, cursor.as_deref())
            .await?;
        for element in &page.data {
            counts.saw(run.kind.sequence(history, element, &mut cache));
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(counts.verdict(history));
        }
    }
}
