//! What is counted while it lasts.

use prometheus::IntGauge;

/// One more in a gauge, until it is dropped.
#[derive(Debug)]
pub(crate) struct InGauge<'a>(&'a IntGauge);

impl<'a> InGauge<'a> {
    pub(crate) fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InGauge<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
