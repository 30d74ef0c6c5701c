//! What `[metrics]` must hold beyond its types.
//!
//! Does not access files: `config check` tests whether the directory exists.

use super::Metrics;
use super::problems::{Problems, fits};

/// Of a label, as Prometheus takes it everywhere.
const LABEL: &str = "^[a-zA-Z_][a-zA-Z0-9_]*$";

/// A figure of ours has the first one itself; the others belong to kinds of figures that ours are not, and are taken for a mistake.
const TAKEN: [&str; 3] = ["stage", "le", "quantile"];

pub fn check_metrics(problems: &mut Problems, metrics: Option<&Metrics>) {
    let Some(Metrics { textfile, labels }) = metrics else { return };
    problems.absolute("metrics.textfile", Some(textfile));
    let is_read = textfile.extension().is_some_and(|extension| extension == "prom");
    let problem = || format!("metrics.textfile: {textfile:?} does not end in .prom");
    problems.unless(is_read, problem, "node_exporter reads no other file of the directory");
    for (name, value) in labels {
        let key = format!("metrics.labels.{name}");
        let example = "letters, digits and underscores, no digit first, for instance database";
        problems.unless(fits(LABEL, name), || format!("metrics.labels: {name:?} is no name of a label"), example);
        let is_free = !TAKEN.contains(&name.as_str()) && !name.starts_with("__");
        problems.unless(
            is_free,
            || format!("{key}: the name is taken"),
            "stage is ours; le, quantile and __… are Prometheus's own",
        );
        problems.unless(!value.is_empty(), || format!("{key} is empty"), "for Prometheus that is no label at all");
        let is_plain = !value.contains(char::is_control);
        problems.unless(is_plain, || format!("{key}: {value:?} holds a control character"), "");
    }
}
