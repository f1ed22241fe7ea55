//! The other ways to order.

use super::Scene;
use crate::output::Failure;

impl Scene<'_> {
    pub(super) async fn other_ways(&self) -> Result<(), Failure> {
        self.settle().await
    }
}
