use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// An actor that panics on each of its first lives.
#[derive(Debug)]
struct Fragile {
    lives: Arc<AtomicUsize>,
    bad_lives: usize,
}

impl Actor for Fragile {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        if self.lives.fetch_add(1, Ordering::SeqCst) < self.bad_lives {
            myself.cast(())?;
        }
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        panic!("planned");
    }
}

fn root(bad_lives: usize) -> (RootArgs, Arc<AtomicUsize>, watch::Receiver<Option<String>>) {
    let lives = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lives);
    let start: Start = Box::new(move |supervisor| {
        let actor = Fragile {
            lives: Arc::clone(&counted),
            bad_lives,
        };
        Box::pin(async move {
            let (actor, _) = Actor::spawn_linked(None, actor, (), supervisor).await?;
            Ok(actor.get_cell())
        })
    });
    let (given_up, watched) = watch::channel(None);
    let args = RootArgs {
        children: vec![ChildSpec {
            name: "fragile",
            start,
        }],
        metrics: Metrics::register(&prometheus::Registry::new()).unwrap(),
        given_up,
    };
    (args, lives, watched)
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_counted_restart() {
    let (args, lives, given_up) = root(3);
    let metrics = args.metrics.clone();
    let (root, _) = Actor::spawn(None, NodeRoot, args).await.unwrap();
    while lives.load(Ordering::SeqCst) < 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(metrics.restarts.with_label_values(&["fragile"]).get(), 3);
    assert_eq!(*given_up.borrow(), None);
    root.stop(None);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_keeps_failing_is_given_up() {
    let (args, lives, mut given_up) = root(usize::MAX);
    let (root, _) = Actor::spawn(None, NodeRoot, args).await.unwrap();
    let verdict = tokio::time::timeout(
        Duration::from_secs(3600),
        given_up.wait_for(Option::is_some),
    );
    match verdict.await {
        Ok(verdict) => {
            verdict.unwrap();
            assert_eq!(lives.load(Ordering::SeqCst), 11);
        }
        Err(_) => panic!("{} lives and no verdict", lives.load(Ordering::SeqCst)),
    }
    root.stop(None);
}
