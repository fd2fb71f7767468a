use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn all_that_a_push_took_is_free_when_its_permit_is_dropped() {
    let limits = WebLimits {
        inflight_bytes: 4 << 10,
        max_pushes: 1,
        max_push_wait: Duration::from_secs(1),
        ..WebLimits::default()
    };
    let gauge = |name| IntGauge::new(name, name).unwrap();
    let bytes = gauge("bytes");
    let admission = Admission::new(&limits, bytes.clone(), gauge("waiting"));
    let of_collector = Arc::new(Semaphore::new(1));
    for _ in 0..2 {
        let mut lease = admission.lease();
        lease.hold(4 << 10).unwrap();
        let first = admission.turn(lease).await.unwrap();
        assert_eq!(first.take_one(&of_collector), Taken::Now);
        assert_eq!(first.take_one(&of_collector), Taken::Before);
        // Another push gets none of it, and takes nothing where it is refused.
        let mut lease = admission.lease();
        assert_eq!(lease.hold(1).unwrap_err().reason, "inflight_bytes");
        let refused = admission.turn(lease).await.unwrap_err();
        assert_eq!(refused.reason, "queue_wait");
        let of_the_node = AdmissionPermit::default();
        assert_eq!(of_the_node.take_one(&of_collector), Taken::Full);
        assert_eq!(bytes.get(), 4 << 10);
        drop(first);
        assert_eq!((bytes.get(), of_collector.available_permits()), (0, 1));
    }
}
