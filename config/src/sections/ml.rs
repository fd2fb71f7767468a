//! `[ml]`: an external service that predicts.

use crate::section::section;

section! {
    /// Predictions of what statements will take.
    Ml = "ml" {
        /// Address of an external service with the original's API, such as `http://10.0.0.9:8081`;
        /// without it, and whenever it does not answer, the node predicts by itself.
        url: String = "",
    }
}
