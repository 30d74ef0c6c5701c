//! How a report or a run is shown or sent: terminal, HTML, e-mail, webhook, health check, metrics.

mod document;
mod views;
pub mod service_status;
pub mod terminal;
pub mod metrics;
pub mod metrics_file;
pub mod html;
pub mod message;
pub mod site;
pub mod notify;
